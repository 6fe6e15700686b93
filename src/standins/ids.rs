//! Creates identifiers in the formats of the real servers.
//!
//! They only have to be unique, even between two processes that talk to the same homeserver. None
//! is a secret.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::time;

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef";

static START: OnceLock<u64> = OnceLock::new();
static NEXT: AtomicU64 = AtomicU64::new(1);

fn fresh() -> u64 {
    let start = *START.get_or_init(time::now_micros);
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    mix(start.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Returns a UUID, as Keycloak uses for users, groups and events.
pub(crate) fn uuid() -> String {
    let (high, low) = (fresh(), fresh());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

/// Returns a ULID, as MAS uses for all IDs.
pub(crate) fn ulid() -> String {
    ulid_at(time::now_ms())
}

/// Returns a ULID as MAS creates it at this time, in milliseconds since 1970.
pub(crate) fn ulid_at(millis: u64) -> String {
    let random = (u128::from(fresh()) << 16) | u128::from(fresh() & 0xffff);
    let value = (u128::from(millis) << 80) | random;
    letters(value, 26, CROCKFORD)
}

/// Returns random letters, as in device IDs and tokens.
pub(crate) fn word(length: u32) -> String {
    letters((u128::from(fresh()) << 64) | u128::from(fresh()), length, LETTERS)
}

fn letters(value: u128, length: u32, alphabet: &[u8; 32]) -> String {
    (0..length)
        .rev()
        .map(|place| {
            let digit = value.checked_shr(place * 5).unwrap_or(0) & 31;
            char::from(alphabet[usize::try_from(digit).unwrap_or(0)])
        })
        .collect()
}
