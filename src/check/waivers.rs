//! `waiver-expired`: a waiver past its last day.

use crate::finding::Finding;
use crate::page::Page;
use jiff::civil::Date;

pub(super) fn check(page: &Page, today: Date) -> Vec<Finding> {
    page.waived
        .iter()
        .filter_map(|step| Some((step, step.waiver.as_ref()?.until?)))
        .filter(|(_, until)| *until < today)
        .map(|(step, until)| {
            Finding::error(
                "waiver-expired",
                step.place.clone(),
                format!("the waiver of this block ended on {until}"),
            )
            .help("run the block again, or give a new date and reason")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::danger::tests::page;

    #[test]
    fn a_waiver_holds_until_its_last_day() {
        let page = page("```bash {waive=\"needs a tape robot\" until=2027-06-01}\nls\n```\n");
        assert_eq!(check(&page, Date::constant(2027, 6, 1)).len(), 0);
        assert_eq!(check(&page, Date::constant(2027, 6, 2)).len(), 1);
    }
}
