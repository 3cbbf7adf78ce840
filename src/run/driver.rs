//! The bash side of a session: what feeds it steps, and tells how they ended.
//!
//! Never made from a block: blocks come as bytes on descriptor 3.

use super::sandbox::{Sandbox, quote};

/// The loop around the steps, on one line: bash counts the lines of a block from where `eval`
/// stands. The outer `eval` enters it again after a block that broke out of it.
///
/// Everything is read by its length in bytes: `read` asks a pipe for one byte at a time otherwise.
///
/// What the driver does itself is kept out of a block's `set -x` by a redirection, and that costs
/// more than the rest: so there is one from the end of a step to the begin of the next.
const DRIVER: &str = r#"{ [[ -z ${__rb_open-} ]] || { __rb_open=; read -r -N 32 -u 3 __rb_t; printf "left %s\0" "$__rb_t" >&4; }; __rb_next; } 2>/dev/null; while :; do case $__rb_i in "") [[ $- == *e* ]] || __rb_status; eval "$__rb_b" 3<&- 4>&- ;; apart) ( eval "$__rb_b" ) 3<&- 4>&- ;; *) __rb_interrupted ;; esac; { __rb_s=$?; __rb_open=; read -r -N 32 -u 3 __rb_t; printf "done %d %s\0" "$__rb_s" "$__rb_t" >&4; __rb_next; } 2>/dev/null; done"#;

/// Takes in the next step.
const NEXT: &str = r#"__rb_next() { read -r -N 32 -u 3 __rb_h || exit 0; __rb_n=$((10#${__rb_h:8:11})); if [[ ${__rb_h:19:1} == a ]]; then read -r -N "$__rb_n" -u 3 __rb_b; else LC_ALL=C read -r -N "$__rb_n" -u 3 __rb_b; fi; __rb_l=$((10#${__rb_h:0:8})); __rb_i=${__rb_h:20}; __rb_i=${__rb_i%% *}; while (( ${#__rb_p} < __rb_l )); do __rb_p+=$__rb_p; done; __rb_b=${__rb_p:0:__rb_l}$__rb_b; __rb_open=1; };"#;

/// Restores `$?` of the step before, and runs a step in a process group that gets Ctrl-C.
const HELPERS: &str = r#"__rb_s=0; __rb_p=$'\n'; __rb_status() { return "$__rb_s"; }; __rb_interrupted() { { set -m; } 2>/dev/null; ( eval "$__rb_b" ) 3<&- 4>&- & __rb_j=$!; ( sleep "$__rb_i"; kill -INT -- "-$__rb_j"; sleep 2; kill -KILL -- "-$__rb_j" ) 3<&- 4>&- >/dev/null 2>&1 & __rb_k=$!; { set +m; wait "$__rb_j"; __rb_j=$?; kill -KILL -- "-$__rb_k"; wait "$__rb_k"; } 2>/dev/null; return "$__rb_j"; };"#;

/// What bash is started with: the prelude that proves the sandbox, and the driver.
pub(super) fn script(sandbox: &Sandbox) -> String {
    let canary = std::env::current_exe().unwrap_or_default();
    format!(
        "{} {HELPERS} {NEXT} printf 'ready\\0' >&4; __rb_d={}",
        with_semicolon(sandbox.prelude(&canary)),
        quote(&format!("{DRIVER}; eval \"$__rb_d\"")),
    )
}

fn with_semicolon(prelude: String) -> String {
    if prelude.is_empty() || prelude.trim_end().ends_with(';') {
        prelude
    } else {
        prelude + ";"
    }
}
