//! The hot tier's limit, and what comes back from the file.

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;

fn memory(id: usize, content: &str) -> Memory {
    Memory {
        id: format!("m{id}"),
        content: content.to_owned(),
        confidence: 0.5,
        timestamp: Timestamp::UNIX_EPOCH,
        tags: vec!["tag".into()],
        embedding: Some(vec![0.1, 1e-7]),
    }
}

fn tiers(directory: &TempDir, capacity: u64, memories: usize) -> Tiers {
    let tiers = Tiers::create(directory.path(), capacity).unwrap();
    for id in 0..memories {
        tiers.put(memory(id, "text"));
    }
    tiers
}

#[track_caller]
fn hot(tiers: &Tiers, ids: &[&str]) {
    let page = tiers.page(Tier::Hot, 0, 100).unwrap();
    let seen: Vec<&str> = page.iter().map(|memory| memory.id.as_str()).collect();
    assert_eq!(seen, ids);
}

#[test]
fn what_overflows_goes_to_the_file_and_is_the_same_when_it_comes_back() {
    let directory = TempDir::new().unwrap();
    let tiers = tiers(&directory, 3, 5);
    hot(&tiers, &["m2", "m3", "m4"]);
    let back = tiers.get("m0").unwrap().unwrap();
    assert_eq!(format!("{back:?}"), format!("{:?}", memory(0, "text")));
    hot(&tiers, &["m0", "m3", "m4"]);
    let counts = tiers.counts();
    assert_eq!((counts.hot, counts.cold, counts.misses), (3, 2, 1));
}

#[test]
fn the_memory_that_was_used_longest_ago_goes_first() {
    let directory = TempDir::new().unwrap();
    let tiers = tiers(&directory, 3, 3);
    tiers.get("m0").unwrap().unwrap();
    tiers.find(None, 1, |memory| memory.id == "m1").unwrap();
    tiers.put(memory(3, "text"));
    hot(&tiers, &["m0", "m1", "m3"]);
}

#[test]
fn a_replaced_memory_is_never_read_in_its_old_form() {
    let directory = TempDir::new().unwrap();
    let tiers = tiers(&directory, 2, 4);
    tiers.put(memory(0, "new"));
    tiers.put(memory(4, "text"));
    tiers.put(memory(5, "text"));
    hot(&tiers, &["m4", "m5"]);
    assert_eq!(tiers.get("m0").unwrap().unwrap().content, "new");
    assert_eq!(tiers.len(), 6);
}

#[test]
fn the_file_is_written_anew_when_it_is_mostly_holes() {
    let directory = TempDir::new().unwrap();
    let tiers = tiers(&directory, 1, 2);
    let large = "x".repeat(1 << 20);
    for _ in 0..24 {
        tiers.put(memory(0, &large));
        tiers.put(memory(1, &large));
    }
    let size = std::fs::metadata(directory.path().join("cold_tier.dat"))
        .unwrap()
        .len();
    assert!(size < 36 << 20, "{size}");
    assert_eq!(tiers.get("m0").unwrap().unwrap().content, large);
}

#[test]
fn a_file_that_was_cut_is_an_error_and_a_new_server_does_without_it() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("cold_tier.dat");
    let cut = tiers(&directory, 1, 2);
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(3)
        .unwrap();
    assert!(cut.get("m0").is_err());
    assert!(cut.get("m1").unwrap().is_some());
    assert_eq!(tiers(&directory, 1, 0).len(), 0);
    assert!(!path.exists());
}

#[test]
fn a_tier_that_cannot_be_written_keeps_its_memories_in_ram() {
    let directory = TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("gone")).unwrap();
    let tiers = Tiers::create(&directory.path().join("gone"), 1).unwrap();
    std::fs::remove_dir(directory.path().join("gone")).unwrap();
    for id in 0..3 {
        tiers.put(memory(id, "text"));
    }
    hot(&tiers, &["m0", "m1", "m2"]);
}

#[test]
fn a_search_may_be_limited_to_ids() {
    let directory = TempDir::new().unwrap();
    let tiers = tiers(&directory, 2, 5);
    let find = |ids: Option<&[&str]>, limit| {
        let ids: Option<Vec<Arc<str>>> =
            ids.map(|ids| ids.iter().map(|id| Arc::from(*id)).collect());
        let found = tiers.find(ids.as_deref(), limit, |_| true).unwrap();
        found
            .iter()
            .map(|memory| memory.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(find(Some(&["m4", "m0", "gone"]), 9), ["m0", "m4"]);
    assert_eq!(find(None, 2), ["m0", "m1"]);
    assert!(find(None, 0).is_empty());
}
