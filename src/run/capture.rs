//! What a block printed: the head and the tail of it, however much there was.

use std::collections::VecDeque;

/// Bytes kept of the beginning, and as many of the end.
pub const KEPT_BYTES: usize = 512 * 1024;

/// A block that prints more than this many bytes is killed.
pub const HARD_LIMIT: u64 = 64 * 1024 * 1024;

/// Bytes kept in evidence of the beginning, and as many of the end.
const EVIDENCE_BYTES: usize = 16 * 1024;

/// Bounded output.
#[derive(Debug, Default)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl Capture {
    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = KEPT_BYTES - self.head.len();
        let (head, rest) = bytes.split_at(bytes.len().min(room));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let surplus = self.tail.len().saturating_sub(KEPT_BYTES);
        self.tail.drain(..surplus);
    }

    /// Bytes printed, kept or not.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Bytes dropped from the middle.
    pub(super) fn cut(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    /// All that was kept, as text; a cut is marked by a line that says so.
    pub(super) fn text(&self) -> String {
        let mut bytes = self.head.clone();
        if self.cut() > 0 {
            bytes.extend(format!("\n[… {} bytes cut …]\n", self.cut()).into_bytes());
        }
        bytes.extend(self.tail.iter());
        printable(&bytes)
    }
}

/// Shortens `text` to what evidence keeps; returns the number of bytes dropped.
pub(super) fn for_evidence(text: &str) -> (String, u64) {
    if text.len() <= 2 * EVIDENCE_BYTES {
        return (text.to_owned(), 0);
    }
    let head = floor(text, EVIDENCE_BYTES);
    let tail = ceil(text, text.len() - EVIDENCE_BYTES);
    let cut = (tail - head) as u64;
    let shown = format!(
        "{}\n[… {cut} bytes cut …]\n{}",
        &text[..head],
        &text[tail..]
    );
    (shown, cut)
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

/// Bytes as a terminal's reader sees them: escape sequences gone, `\r\n` as `\n`, what is not
/// UTF-8 or a control character written as `\xNN`.
fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        push_plain(&mut text, chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

fn push_plain(text: &mut String, valid: &str) {
    let mut chars = valid.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\t' => text.push(c),
            // Bidirectional overrides could make a transcript read otherwise than it is.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                text.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c if c.is_control() => text.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => text.push(c),
        }
    }
}

/// ECMA-48 §5.4: a control sequence ends with a byte from `@` to `~`; an operating system command
/// with BEL or `ESC \`.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => {
            chars.by_ref().find(|c| ('@'..='~').contains(c));
        }
        Some(']') => {
            let mut last = ' ';
            for c in chars.by_ref() {
                if c == '\u{7}' || (last == '\u{1b}' && c == '\\') {
                    break;
                }
                last = c;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_cut_and_counted() {
        let mut capture = Capture::default();
        capture.push(&vec![b'a'; KEPT_BYTES + 3]);
        capture.push(&vec![b'b'; KEPT_BYTES]);
        assert_eq!(capture.total(), 2 * KEPT_BYTES as u64 + 3);
        assert_eq!(capture.cut(), 3);
        let text = capture.text();
        assert!(text.starts_with('a') && text.ends_with('b'));
        assert!(text.contains("[… 3 bytes cut …]"));
        let (short, cut) = for_evidence(&text);
        assert!(short.len() < 40_000 && cut > 900_000);
    }

    #[test]
    fn escapes_go_and_odd_bytes_are_shown() {
        assert_eq!(printable(b"\x1b[1;31mred\x1b[0m\r\n"), "red\n");
        assert_eq!(printable(b"\x1b]8;;http://x\x1b\\t\x1b]8;;\x07e"), "te");
        assert_eq!(printable(b"a\xff\x00"), "a\\xff\\x00");
        assert_eq!(printable("\u{202e}x".as_bytes()), "\\u{202e}x");
    }
}
