//! Looking for patterns: memories of a batch whose embeddings resemble each other.
//!
//! Each pair is compared, so time and memory grow with the square of the batch. Both can run out, and both are errors.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::Failure;
use crate::memory::{EMBEDDING_DIMENSIONS, Memory};

/// From this cosine on two memories resemble each other, as in the real server.
const SIMILAR: f32 = 0.95;
/// What stands for the embedding of a memory that has none, as in the real server.
const NONE: [f32; EMBEDDING_DIMENSIONS] = [0.5; EMBEDDING_DIMENSIONS];

/// Memories that resemble each other.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// The memory that resembles all others most.
    pub(crate) representative: Memory,
    /// How many they are.
    pub(crate) support: usize,
    /// The mean cosine between the representative and the others.
    pub(crate) cohesion: f32,
}

/// What the search may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds<'run> {
    /// Fewer memories are no pattern.
    pub(crate) min_support: usize,
    /// When it must be done.
    pub(crate) deadline: Instant,
    /// Set when the server stops.
    pub(crate) stop: &'run AtomicBool,
}

/// The patterns of a batch.
pub(crate) fn detect(memories: &[Memory], bounds: Bounds<'_>) -> Result<Vec<Pattern>, Failure> {
    let similarities = similarities(memories, bounds)?;
    let count = memories.len();
    let row = |of: usize| &similarities[of * count..(of + 1) * count];
    let mut group_of: Vec<usize> = (0..count).collect();
    for left in 0..count {
        for (right, similarity) in row(left).iter().enumerate().skip(left + 1) {
            if *similarity >= SIMILAR {
                let (one, other) = (root(&mut group_of, left), root(&mut group_of, right));
                group_of[one.max(other)] = one.min(other);
            }
        }
    }
    let mut groups = vec![Vec::new(); count];
    for member in 0..count {
        groups[root(&mut group_of, member)].push(member);
    }
    groups.retain(|members| members.len() >= bounds.min_support);
    Ok(groups
        .iter()
        .map(|members| pattern(memories, members, row))
        .collect())
}

fn pattern<'rows>(
    memories: &[Memory],
    members: &[usize],
    row: impl Fn(usize) -> &'rows [f32],
) -> Pattern {
    let cohesion = |of: usize| {
        let others = members.iter().filter(|other| **other != of);
        #[expect(clippy::cast_precision_loss, reason = "a count of at most 100,000")]
        let count = members.len().saturating_sub(1).max(1) as f32;
        others.map(|other| row(of)[*other]).sum::<f32>() / count
    };
    let best = members
        .iter()
        .copied()
        .max_by(|one, other| cohesion(*one).total_cmp(&cohesion(*other)))
        .unwrap_or_default();
    Pattern {
        representative: memories[best].clone(),
        support: members.len(),
        cohesion: cohesion(best),
    }
}

/// The cosine of each pair, row by row.
fn similarities(memories: &[Memory], bounds: Bounds<'_>) -> Result<Vec<f32>, Failure> {
    let count = memories.len();
    let mut matrix: Vec<f32> = Vec::new();
    let cells = count.checked_mul(count).ok_or(Failure::Memory)?;
    matrix
        .try_reserve_exact(cells)
        .map_err(|_| Failure::Memory)?;
    matrix.resize(cells, 1.0);
    let lengths: Vec<f32> = memories
        .iter()
        .map(|memory| dot(embedding(memory), embedding(memory)).sqrt())
        .collect();
    for left in 0..count {
        if Instant::now() >= bounds.deadline {
            return Err(Failure::Timeout);
        }
        if bounds.stop.load(Ordering::Relaxed) {
            return Err(Failure::Stopped);
        }
        for right in left + 1..count {
            let product = dot(embedding(&memories[left]), embedding(&memories[right]));
            let lengths = lengths[left] * lengths[right];
            let cosine = if lengths > 0.0 {
                product / lengths
            } else {
                0.0
            };
            matrix[left * count + right] = cosine;
            matrix[right * count + left] = cosine;
        }
    }
    Ok(matrix)
}

fn embedding(memory: &Memory) -> &[f32] {
    memory.embedding.as_deref().unwrap_or(&NONE)
}

/// A plain loop, which a build without optimization runs almost as fast as one with it.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let (mut sum, mut at) = (0.0, 0);
    let length = one.len().min(other.len());
    while at < length {
        sum += one[at] * other[at];
        at += 1;
    }
    sum
}

/// The number that stands for the group of a member.
fn root(group_of: &mut [usize], member: usize) -> usize {
    let mut at = member;
    while group_of[at] != at {
        group_of[at] = group_of[group_of[at]];
        at = group_of[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn memory(id: usize, axis: Option<usize>) -> Memory {
        let embedding = axis.map(|axis| {
            let mut embedding = vec![0.0; EMBEDDING_DIMENSIONS];
            embedding[axis] = 2.0;
            embedding
        });
        serde_json::from_value(serde_json::json!({
            "id": format!("m{id}"), "content": "c", "confidence": 0.5,
            "timestamp": "2026-01-01T00:00:00Z", "embedding": embedding
        }))
        .unwrap()
    }

    fn bounds(stop: &AtomicBool, within: Duration) -> Bounds<'_> {
        Bounds {
            min_support: 3,
            deadline: Instant::now() + within,
            stop,
        }
    }

    #[test]
    fn memories_that_resemble_each_other_are_a_pattern_if_there_are_enough() {
        let stop = AtomicBool::new(false);
        let axes = [
            Some(0),
            Some(1),
            Some(0),
            Some(1),
            Some(0),
            None,
            None,
            None,
        ];
        let memories: Vec<Memory> = axes
            .iter()
            .enumerate()
            .map(|(id, axis)| memory(id, *axis))
            .collect();
        let found = detect(&memories, bounds(&stop, Duration::from_secs(60))).unwrap();
        let support: Vec<usize> = found.iter().map(|pattern| pattern.support).collect();
        assert_eq!(support, [3, 3]);
        assert!(found.iter().all(|pattern| pattern.cohesion > 0.999));
        assert!(
            detect(&[], bounds(&stop, Duration::from_secs(60)))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn it_ends_when_the_time_is_up_or_the_server_stops() {
        let memories = [memory(0, None), memory(1, None)];
        let stop = AtomicBool::new(false);
        let late = detect(&memories, bounds(&stop, Duration::ZERO));
        assert!(matches!(late, Err(Failure::Timeout)));
        stop.store(true, Ordering::Relaxed);
        let stopped = detect(&memories, bounds(&stop, Duration::from_secs(60)));
        assert!(matches!(stopped, Err(Failure::Stopped)));
    }
}
