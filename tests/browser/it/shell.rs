//! What bash would call, were it given a text: in a sandbox that has no program to call.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The words of each call, each once: a pipeline has no order.
pub(crate) type Calls = BTreeSet<Vec<String>>;

/// Every command that is not built in is written down instead of run, with its words. A shell
/// within the shell is played, too, and what the variables hold in the end is a call. After some calls an endless loop has been seen enough of.
const DRIVER: &str = r#"
PATH=/nowhere
command_not_found_handle() {
  local word last=
  # One write for a call: those of a pipeline come at the same time.
  printf -v word '%s\x1f' "$@"
  printf '%s\x1e' "$word" >>"$record"
  mapfile -d $'\x1e' -t seen <"$record"
  if ((${#seen[@]} > 100)); then kill -KILL "$player"; fi
  for word in "$@"; do
    if [[ $last == -c ]]; then (eval "$word"); fi
    last=$word
  done
  return 0
}
for text in /texts/*; do
  record=/calls/${text##*/}
  : >"$record"
  (player=$BASHPID; set +m; . "$text"; left behind "$ENGRAM_DATA_DIR" "$ENGRAM_BACKUP_DIR" "$space") </dev/null >/dev/null 2>&1
done
exit 0
"#;

/// What each text calls.
pub(crate) fn calls(texts: &[String]) -> Result<Vec<Calls>> {
    let dir = tempfile::tempdir()?;
    let (given, got) = (dir.path().join("texts"), dir.path().join("calls"));
    fs::create_dir(&given)?;
    fs::create_dir(&got)?;
    for (index, text) in texts.iter().enumerate() {
        fs::write(given.join(format!("{index:04}")), text)?;
    }
    let status = sandbox(&given, &got).status()?;
    ensure!(status.success(), "the texts do not end: {status}");
    (0..texts.len())
        .map(|index| {
            let bytes =
                fs::read(got.join(format!("{index:04}"))).context("a text was not played")?;
            Ok(split(&bytes))
        })
        .collect()
}

/// Bash with nothing to reach but the texts and the folder for its calls.
fn sandbox(given: &Path, got: &Path) -> Command {
    let mut bwrap = Command::new("bwrap");
    bwrap
        .args(["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin"])
        .args([
            "--symlink",
            "usr/lib",
            "/lib",
            "--symlink",
            "usr/lib64",
            "/lib64",
        ])
        .args([
            "--dev",
            "/dev",
            "--tmpfs",
            "/tmp",
            "--dir",
            "/root",
            "--ro-bind",
        ])
        .arg(given)
        .args(["/texts", "--bind"])
        .arg(got)
        .args(["/calls", "--unshare-all", "--die-with-parent", "--clearenv"])
        .args([
            "--setenv",
            "HOME",
            "/root",
            "--setenv",
            "ENGRAM_DATA_DIR",
            "/var/lib/engram",
        ])
        .args([
            "--setenv",
            "ENGRAM_BACKUP_DIR",
            "/var/backups/engram",
            "--chdir",
            "/tmp",
        ])
        .args([
            "/usr/bin/timeout",
            "20",
            "/usr/bin/bash",
            "--norc",
            "-c",
            DRIVER,
        ])
        .stdin(Stdio::null())
        // Where it tells of endless loops that were ended.
        .stderr(Stdio::null());
    bwrap
}

/// Each word ends with a unit separator, each call with a record separator.
fn split(bytes: &[u8]) -> Calls {
    let text = String::from_utf8_lossy(bytes);
    text.split_terminator('\x1e')
        .map(|call| call.split_terminator('\x1f').map(str::to_owned).collect())
        .collect()
}
