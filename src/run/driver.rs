//! The bash side of a session: what feeds it steps, and tells how they ended.
//!
//! Never made from a block: blocks come as bytes. Each command here is paid for by every block, so
//! there are few, and the session does what arithmetic there is.

use super::sandbox::quote;

/// The loop around the steps, on one line: bash counts the lines of a block from where `eval`
/// stands. Its own first step is `:`, and the end of that says that all is ready.
///
/// A block may leave it with `break`, which is caught by its tail; one that goes to its head with
/// `continue` finds the second word of `__rb_b`, which is `break`.
///
/// Everything is read by its length: `read` asks a pipe for one byte at a time otherwise. What the
/// driver does is kept out of a block's `set -x` by one redirection, from the end of a step to the
/// begin of the next.
const DRIVER: &str = r#"while :; do eval "${__rb_b[__rb_k++]}"; { __rb_s=$?; read -r -N 32 -u 10 __rb_t; printf "%s %d %s\0" "$__rb_verb" "$__rb_s" "$__rb_t" >&11; __rb_verb=done __rb_k=0; read -r -N 32 -u 10 __rb_h || exit 0; case ${__rb_h:11:2} in at) read -r -N "${__rb_h:0:11}" -u 10 __rb_b ;; *) __rb_unusual ;; esac; case $__rb_s in 0) ;; *) [[ $- == *e* ]] || __rb_again ;; esac; } 2>&12; done; { __rb_verb=left __rb_b=: __rb_k=0; } 2>&12; eval "$__rb_d""#;

/// Restores `$?` of the step before, where it is not 0. Under `set -e` that would be the end.
const STATUS: &str = r#"__rb_status() { return "$__rb_s"; }; __rb_again() { __rb_a=$__rb_b __rb_b='__rb_status; eval "$__rb_a"'; };"#;

/// Takes in a step that is not plain ASCII, or that does not run in the session's own shell.
const UNUSUAL: &str = r#"__rb_unusual() { if [[ ${__rb_h:11:1} == a ]]; then read -r -N "${__rb_h:0:11}" -u 10 __rb_b; else LC_ALL=C read -r -N "${__rb_h:0:11}" -u 10 __rb_b; fi; case ${__rb_h:12:1} in p) __rb_c=$__rb_b __rb_b='( eval "$__rb_c" ) 10<&- 11>&- 12>&-' ;; i) __rb_i=${__rb_h:13} __rb_c=$__rb_b __rb_b=__rb_interrupted ;; esac; };"#;

/// Runs a step in a process group that gets Ctrl-C.
const INTERRUPTED: &str = r#"__rb_interrupted() { { set -m; } 2>/dev/null; ( eval "$__rb_c" ) 10<&- 11>&- 12>&- & __rb_j=$!; ( sleep $__rb_i; kill -INT -- "-$__rb_j"; sleep 2; kill -KILL -- "-$__rb_j" ) 10<&- 11>&- 12>&- >/dev/null 2>&1 & __rb_killer=$!; { set +m; wait "$__rb_j"; __rb_j=$?; kill -KILL -- "-$__rb_killer"; wait "$__rb_killer"; } 2>/dev/null; return "$__rb_j"; };"#;

/// What bash reads first: the prelude that proves the sandbox, and the driver.
pub(super) fn script(prelude: String) -> String {
    format!(
        "{} {STATUS} {UNUSUAL} {INTERRUPTED} __rb_verb=ready __rb_k=0 __rb_b=(: break) __rb_d={}",
        with_semicolon(prelude),
        quote(DRIVER),
    )
}

/// The command that bash is started with; it reads `length` bytes of script from its standard
/// input. Not the script itself: `pgrep -f` and `ps` of a block would find our words there.
///
/// Descriptors that a redirection of a compound command covers are kept by bash at the lowest free
/// numbers from 10, and no program that it starts inherits them. So the driver reads steps from 10
/// and reports on 11, and no step needs a redirection of its own to keep it from them.
pub(super) fn boot(length: usize) -> String {
    format!(
        "exec 3<&0 4>&2 5>/dev/null 0</dev/null 2>&1 10>&- 11>&- 12>&-; \
         read -r -N {length} -u 3 __rb_d; eval \"$__rb_d\"; \
         {{ {{ {{ eval \"$__rb_d\"; }} 5>&-; }} 4>&-; }} 3<&-"
    )
}

/// The head of a step of `length` bytes: 32 of them, as many as a token has.
pub(super) fn head(length: usize, is_ascii: bool, manner: &str) -> String {
    // What is no ASCII is counted in bytes; to change the locale costs more than a block.
    let charset = if is_ascii { 'a' } else { 'u' };
    format!("{length:011}{charset}{manner:<20}")
}

fn with_semicolon(prelude: String) -> String {
    if prelude.is_empty() || prelude.trim_end().ends_with(';') {
        prelude
    } else {
        prelude + ";"
    }
}
