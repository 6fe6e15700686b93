//! Decides which news `notify.room` gets: at most one message an interval, and each question once.
//! What is left out is counted for the next message.

use std::collections::BTreeSet;
use std::time::Duration;

use super::message::Message;
use super::news::{Coverage, News, Question, hash};
use crate::model::Timestamp;
use crate::state::{LeftOut, NoticeMemory};

/// The part of the interval that has to be over: runs do not end to the second.
const ENOUGH: f64 = 0.9;

/// What the room has heard of, and how often it hears.
#[derive(Debug, Clone)]
pub struct Notices {
    /// The accounts in the title of messages.
    pub accounts: String,
    pub interval: Duration,
    pub memory: NoticeMemory,
    /// Whether the state file has this memory.
    pub is_written_down: bool,
}

/// What follows from news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// There is nothing to say.
    Nothing,
    /// It is said in the next message.
    Later,
    Now(Notice),
}

/// A message to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub message: Message,
    /// What makes a repetition the same message for Synapse.
    pub transaction: String,
    /// What the room has not heard of if it cannot be sent.
    pub unsent: Unsent,
}

/// What a message would have said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unsent {
    left_out: LeftOut,
    questions: BTreeSet<String>,
}

impl Notices {
    /// Forgets what another room has heard of.
    pub fn are_for(&mut self, room: &str) {
        if self.memory.room != room {
            self.memory = NoticeMemory { room: room.to_owned(), ..NoticeMemory::default() };
        }
    }

    /// Takes in the end of a run.
    pub fn take(&mut self, news: &News, now: Timestamp) -> Due {
        let keys: BTreeSet<_> = news.questions.iter().map(Question::key).collect();
        if news.coverage == Coverage::Whole {
            // What is no longer asked is answered.
            self.memory.told.retain(|key| keys.contains(key));
            let over = self.memory.untold.extract_if(.., |key| !keys.contains(key));
            let over: Vec<_> = over.collect();
            for key in &over {
                count(&mut self.memory.left_out, key);
            }
        }
        let is_new = |question: &&Question| !self.memory.told.contains(&question.key());
        let questions: Vec<_> = news.questions.iter().filter(is_new).collect();
        let has_news = news.changed() > 0 || !questions.is_empty();
        if !has_news && self.memory.left_out == LeftOut::default() {
            return Due::Nothing;
        }
        let new_keys: BTreeSet<_> = questions.iter().map(|question| question.key()).collect();
        let mut left_out = self.memory.left_out;
        if news.changed() > 0 {
            left_out.runs += 1;
            left_out.changes += news.changed();
        }
        if self.is_too_soon(now) {
            self.memory.left_out = left_out;
            self.memory.untold.extend(new_keys);
            return if has_news { Due::Later } else { Due::Nothing };
        }
        let message = Message::new(&self.accounts, news, &questions, self.memory.left_out);
        let content = message.content();
        let transaction = format!("mks-{}", hash(&format!("{} {content}", news.run)));
        let memory = &mut self.memory;
        memory.sent = Some(now);
        memory.told.extend(new_keys.iter().cloned());
        (memory.untold, memory.left_out) = (BTreeSet::new(), LeftOut::default());
        let unsent = Unsent { left_out, questions: new_keys };
        Due::Now(Notice { message, transaction, unsent })
    }

    /// Takes in that a message was not sent. It is not tried again before the interval is over.
    pub fn not_sent(&mut self, unsent: Unsent) {
        let LeftOut { runs, changes, refused, waiting, failed } = unsent.left_out;
        let memory = &mut self.memory;
        memory.left_out.runs += runs;
        memory.left_out.changes += changes;
        memory.left_out.refused += refused;
        memory.left_out.waiting += waiting;
        memory.left_out.failed += failed;
        memory.told.retain(|key| !unsent.questions.contains(key));
        memory.untold.extend(unsent.questions);
    }

    fn is_too_soon(&self, now: Timestamp) -> bool {
        // A time in the future is of a clock that was wrong.
        self.memory
            .sent
            .is_some_and(|sent| sent <= now && sent.until(now) < self.interval.mul_f64(ENOUGH))
    }
}

/// Counts a question that is over.
fn count(left_out: &mut LeftOut, key: &str) {
    *match key.split(' ').next() {
        Some("refused") => &mut left_out.refused,
        Some("waiting") => &mut left_out.waiting,
        _ => &mut left_out.failed,
    } += 1;
}

#[cfg(test)]
mod tests;
