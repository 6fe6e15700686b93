//! Pictures that are drawn from figures of a page.

use std::process::Command;

use crate::generated;

#[test]
fn picture_of_the_performance_shows_the_figures_of_its_page() {
    let drawn = Command::new("awk")
        .args(["-f", "benches/picture.awk", "docs/performance.md"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("awk is everywhere");
    assert!(drawn.status.success(), "{drawn:?}");
    let picture = String::from_utf8(drawn.stdout).expect("UTF-8");
    assert!(picture.contains("<rect class=\"memory\""), "{picture}");
    generated::check("pictures/performance.svg", &picture);
}
