//! A text file of the book and places in it; every later stage carries a [`Place`].

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A text file as it stands on disk, byte for byte.
#[derive(PartialEq, Eq)]
pub struct SourceFile {
    path: PathBuf,
    text: String,
    line_starts: Vec<usize>,
}

impl SourceFile {
    /// Takes the whole text of the file shown to users as `path`.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        let text = text.into();
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Arc::new(Self {
            path: path.into(),
            text,
            line_starts,
        })
    }

    /// The path as users should see it: relative to the working directory where that is shorter.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text, with its byte order mark and line endings untouched.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset, both counted from 1, columns in characters.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let offset = self.floor_char_boundary(offset);
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line - 1];
        let text = self.text[start..offset].trim_start_matches('\u{feff}');
        (line, text.chars().count() + 1)
    }

    /// The byte range of a line, counted from 1, without its line ending; empty past the end.
    pub fn line_span(&self, line: usize) -> Range<usize> {
        let Some(&start) = self.line_starts.get(line.saturating_sub(1)) else {
            return self.text.len()..self.text.len();
        };
        let end = self
            .line_starts
            .get(line)
            .map_or(self.text.len(), |next| next - 1);
        let end = start + self.text[start..end].trim_end_matches('\r').len();
        start..end
    }

    fn floor_char_boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({})", self.path.display())
    }
}

/// A byte range of a source file.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Bytes of its text.
    pub span: Range<usize>,
}

impl Place {
    /// The bytes `span` of `file`.
    pub fn new(file: &Arc<SourceFile>, span: Range<usize>) -> Self {
        Self {
            file: Arc::clone(file),
            span,
        }
    }

    /// A whole line of `file`, counted from 1.
    pub fn line_of(file: &Arc<SourceFile>, line: usize) -> Self {
        Self::new(file, file.line_span(line))
    }

    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.file.line_column(self.span.start).0
    }

    /// What users need to open the place: `path:line:column`.
    pub fn locator(&self) -> String {
        let (line, column) = self.file.line_column(self.span.start);
        format!("{}:{line}:{column}", self.file.path().display())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.locator())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let file = SourceFile::new("a.md", "\u{feff}é b\r\nc\n");
        assert_eq!(file.line_column(0), (1, 1));
        assert_eq!(file.line_column(6), (1, 3));
        assert_eq!(file.line_column(9), (2, 1));
        assert_eq!(&file.text()[file.line_span(1)], "\u{feff}é b");
        assert_eq!(&file.text()[file.line_span(2)], "c");
        assert_eq!(file.line_span(9), 11..11);
    }
}
