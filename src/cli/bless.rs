//! `--bless`: `{output}` fences rewritten in place with what was printed.

use super::CliError;
use crate::run::Played;
use crate::source::SourceFile;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Rewrites the fences of all blessed steps; the number of fences rewritten.
pub(super) fn apply(played: &[Played]) -> Result<usize, CliError> {
    let mut files: BTreeMap<PathBuf, (Arc<SourceFile>, Vec<_>)> = BTreeMap::new();
    for blessing in played.iter().flat_map(|played| &played.blessings) {
        let file = &blessing.place.file;
        let entry = files
            .entry(file.path().to_owned())
            .or_insert_with(|| (Arc::clone(file), Vec::new()));
        entry
            .1
            .push((blessing.place.span.clone(), blessing.text.clone()));
    }
    let mut n = 0;
    for (path, (file, mut edits)) in files {
        edits.sort_by_key(|(span, _)| span.start);
        edits.dedup_by_key(|(span, _)| span.start);
        n += edits.len();
        let mut text = file.text().to_owned();
        // From the back, so that the places before stay true.
        for (span, new) in edits.into_iter().rev() {
            text.replace_range(span, &new);
        }
        crate::fs_write::write(&path, text.as_bytes())?;
    }
    Ok(n)
}
