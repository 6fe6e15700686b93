//! What `notify.room` has heard of.

use super::*;
use crate::state::{LeftOut, NoticeMemory};

#[test]
fn what_the_room_has_heard_of_is_remembered_for_each_realm() {
    let fixture = fixture();
    let state = fixture.open();
    assert_eq!(state.notices().expect("read"), NoticeMemory::default());
    let memory = NoticeMemory {
        room: "!ops:example.org".to_owned(),
        sent: Some(Timestamp::from_millis(1_795_000_000_000)),
        told: ["refused sha256:00".to_owned()].into(),
        untold: ["failed".to_owned()].into(),
        left_out: LeftOut { runs: 1, changes: 2, refused: 3, waiting: 4, failed: 5 },
    };
    for memory in [NoticeMemory::default(), memory.clone()] {
        state.note_notices(&memory).expect("written");
    }
    assert_eq!(state.notices().expect("read"), memory);
    let other = fixture.open_for("other", "example.org");
    assert_eq!(other.notices().expect("read"), NoticeMemory::default());
}

#[test]
fn memory_that_cannot_be_understood_is_none() {
    let fixture = fixture();
    let state = fixture.open();
    state.note_notices(&NoticeMemory::default()).expect("written");
    fixture.sql("UPDATE notices SET memory = '{\"told\": 7}'");
    assert_eq!(state.notices().expect("read"), NoticeMemory::default());
}
