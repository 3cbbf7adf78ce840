//! All keys that `book.toml` may have, as the parser knows them: what the guide is held to.

use super::{Headings, Raw, instance, live, respond, values};
use serde::de::DeserializeOwned;

/// Each table below `[preprocessor.runbook]`, with its keys; `*` stands for a name of the author's.
pub fn known_keys() -> Vec<(&'static str, Vec<String>)> {
    vec![
        ("", of::<Raw>()),
        ("headings", of::<Headings>()),
        ("instance", of::<instance::Raw>()),
        ("live", of::<live::Raw>()),
        ("live.services.*", of::<live::RawService>()),
        ("respond", of::<respond::Raw>()),
        ("values.*", of::<values::Raw>()),
    ]
}

/// What serde says that it would have taken instead of a key that nothing has.
fn of<T: DeserializeOwned>() -> Vec<String> {
    let Err(error) = toml::from_str::<T>("\"?\" = 1") else {
        return Vec::new();
    };
    let names = error.message().split('`').skip(3).step_by(2);
    names.map(str::to_owned).collect()
}
