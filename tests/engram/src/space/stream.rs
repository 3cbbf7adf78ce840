//! Who listens to what is stored in a space, and what each has not read yet.
//!
//! A queue has no limit, as in the real server: nothing that was promised to a listener is dropped, and a listener
//! that does not read costs the memory of all that it has not read.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::memory::Memory;

/// The listeners of a space.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    listeners: Mutex<Vec<Listener>>,
}

#[derive(Debug)]
struct Listener {
    sender: UnboundedSender<String>,
    backlog: Arc<Backlog>,
}

/// What waits for one listener.
#[derive(Debug, Default)]
struct Backlog {
    events: AtomicU64,
    bytes: AtomicU64,
}

/// What waits for all listeners of a space.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamDepth {
    /// How many listen.
    pub(crate) listeners: usize,
    /// Events that were not read yet.
    pub(crate) events: u64,
    /// Their text, in bytes.
    pub(crate) bytes: u64,
}

/// The events for one listener. To drop it is to stop listening.
#[derive(Debug)]
pub(crate) struct Events {
    receiver: UnboundedReceiver<String>,
    backlog: Arc<Backlog>,
}

impl Stream {
    /// Begins to listen.
    pub(crate) fn subscribe(&self) -> Events {
        let (sender, receiver) = unbounded_channel();
        let backlog = Arc::new(Backlog::default());
        self.lock().push(Listener {
            sender,
            backlog: Arc::clone(&backlog),
        });
        Events { receiver, backlog }
    }

    /// Tells all listeners of a memory that was stored.
    pub(crate) fn publish(&self, memory: &Memory) {
        let mut listeners = self.lock();
        if listeners.is_empty() {
            return;
        }
        let event = json!({
            "event_type": "memory_stored",
            "memory_id": memory.id,
            "content": memory.content,
            "confidence": memory.confidence,
            "timestamp": memory.timestamp,
        })
        .to_string();
        listeners.retain(|listener| {
            listener.backlog.add(event.len() as u64);
            listener.sender.send(event.clone()).is_ok()
        });
    }

    /// Ends all listening: who listens reads the rest, and then the end.
    pub(crate) fn close(&self) {
        self.lock().clear();
    }

    /// What waits.
    pub(crate) fn depth(&self) -> StreamDepth {
        let mut listeners = self.lock();
        listeners.retain(|listener| !listener.sender.is_closed());
        let sum = |number: fn(&Backlog) -> &AtomicU64| {
            listeners
                .iter()
                .map(|listener| number(&listener.backlog).load(Ordering::Relaxed))
                .sum()
        };
        StreamDepth {
            listeners: listeners.len(),
            events: sum(|backlog| &backlog.events),
            bytes: sum(|backlog| &backlog.bytes),
        }
    }

    /// A panic elsewhere does not make the list wrong.
    fn lock(&self) -> MutexGuard<'_, Vec<Listener>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backlog {
    fn add(&self, bytes: u64) {
        self.events.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl tokio_stream::Stream for Events {
    /// The text of one event, as JSON.
    type Item = String;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<String>> {
        let polled = self.receiver.poll_recv(context);
        if let Poll::Ready(Some(event)) = &polled {
            self.backlog.events.fetch_sub(1, Ordering::Relaxed);
            self.backlog
                .bytes
                .fetch_sub(event.len() as u64, Ordering::Relaxed);
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tokio_stream::StreamExt;

    use super::*;

    #[test]
    fn a_queue_holds_what_was_not_read_and_goes_with_its_listener() {
        let stream = Stream::default();
        let memory = Memory {
            id: "m".into(),
            content: "x".repeat(1000),
            confidence: 0.5,
            timestamp: Timestamp::UNIX_EPOCH,
            tags: Vec::new(),
            embedding: None,
        };
        stream.publish(&memory);
        let mut events = stream.subscribe();
        for _ in 0..3 {
            stream.publish(&memory);
        }
        let depth = stream.depth();
        assert_eq!((depth.listeners, depth.events), (1, 3));
        assert!(depth.bytes > 3000);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime without drivers").block_on(async {
            let first = events.next().await.expect("three were published");
            assert!(first.contains("memory_stored"));
            assert_eq!(stream.depth().events, 2);
            stream.close();
            assert!(events.next().await.is_some() && events.next().await.is_some());
            assert_eq!(events.next().await, None);
        });
        drop(stream.subscribe());
        assert_eq!(stream.depth(), StreamDepth::default());
    }
}
