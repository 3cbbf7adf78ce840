//! Takes the link out of a rule: its line, or its entry of a flow mapping.

use super::{Locator, Refusal, Splice, ending_at, insertion, leading_space, line_end, line_start};
use crate::rules::yaml::NodeId;
use std::ops::Range;

impl Locator<'_> {
    /// The bytes of the link of a rule; with the key `annotations` where we would have written it.
    pub(super) fn remove(
        &self,
        (rule, annotations_key): (NodeId, NodeId),
        annotations: NodeId,
    ) -> Result<Splice, Refusal> {
        let pairs = self.tree().pairs(annotations).unwrap_or_default();
        let at = pairs
            .iter()
            .position(|(key, _)| self.tree().scalar(*key) == Some(self.annotation()))
            .ok_or(Refusal::new("it has no such annotation of its own"))?;
        let (key, value) = pairs[at];
        let node = self.tree().node(key);
        if node.anchored || node.tag.is_some() {
            return Err(Refusal::new("the key of its link has a tag or an anchor"));
        }
        if self.is_flow(annotations) {
            let before = at.checked_sub(1).map(|before| pairs[before].1);
            return self.remove_entry(key, value, before);
        }
        let lines = self.lines_of(key, value)?;
        if pairs.len() > 1 || self.is_flow(rule) {
            return Ok(self.without(lines));
        }
        // `annotations:` and its only child, as we write them: both go.
        let text = self.text();
        let start = self.tree().node(annotations_key).span.start;
        let line = line_start(text, start);
        let is_own_line = leading_space(&text[line..start]) == start - line;
        let after = self.after_colon(annotations_key)?;
        let is_next = text[after..lines.start].trim_matches([' ', '\t'])
            == ending_at(text, line_end(text, after));
        Ok(self.without(if is_own_line && is_next {
            line..lines.end
        } else {
            lines
        }))
    }

    /// The whole lines of an entry of a block mapping.
    fn lines_of(&self, key: NodeId, value: NodeId) -> Result<Range<usize>, Refusal> {
        let text = self.text();
        let start = self.tree().node(key).span.start;
        let line = line_start(text, start);
        if leading_space(&text[line..start]) < start - line {
            return Err(Refusal::new("its link does not stand on a line of its own"));
        }
        let end = self.tree().node(value).span.end;
        let end = line_end(text, end.max(self.after_colon(key)?));
        Ok(line..end + ending_at(text, end).len())
    }

    /// Takes lines out; the last of a file that has no last line ending takes the one before along.
    fn without(&self, lines: Range<usize>) -> Splice {
        let text = self.text();
        let is_open = lines.end == text.len() && !text.ends_with(['\n', '\r']);
        let before = match &text[..lines.start] {
            before if before.ends_with("\r\n") => 2,
            before => before.len().min(1),
        };
        let start = lines.start - if is_open { before } else { 0 };
        Splice {
            span: start..lines.end,
            text: String::new(),
        }
    }

    /// An entry of a flow mapping with one of its commas.
    fn remove_entry(
        &self,
        key: NodeId,
        value: NodeId,
        before: Option<NodeId>,
    ) -> Result<Splice, Refusal> {
        let text = self.text();
        let start = self.tree().node(key).span.start;
        let end = self.tree().node(value).span.end.max(self.after_colon(key)?);
        let rest = &text[end..];
        let space = leading_space(rest);
        let mut splice = insertion(start, String::new());
        if rest[space..].starts_with(',') {
            let after = end + space + 1;
            splice.span.end = after + leading_space(&text[after..]);
            let line = line_start(text, start);
            let ending = ending_at(text, splice.span.end).len();
            let is_whole = line_end(text, start) == splice.span.end && ending > 0;
            if is_whole && leading_space(&text[line..start]) == start - line {
                splice.span = line..splice.span.end + ending;
            }
            return Ok(splice);
        }
        let Some(before) = before else {
            splice.span.end = end;
            return Ok(splice);
        };
        // The last entry: the comma before it goes with it.
        splice.span = self.tree().node(before).span.end..end;
        if text[splice.span.clone()].contains(['\n', '\r']) {
            return Err(Refusal::new(
                "its link is the last entry of braces over several lines",
            ));
        }
        Ok(splice)
    }

    fn annotation(&self) -> &str {
        &self.file.annotation
    }
}
