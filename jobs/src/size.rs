//! How much some mails are, for limits.

use crate::NumberedMail;
use std::fmt;
use std::ops::{Add, AddAssign, SubAssign};

/// How much some mails are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// How many mails.
    pub mails: usize,
    /// How many bytes of text.
    pub bytes: usize,
}

impl Size {
    /// The size of these mails.
    pub fn of(mails: &[NumberedMail]) -> Self {
        Self { mails: mails.len(), bytes: mails.iter().map(NumberedMail::bytes).sum() }
    }

    /// Whether it is within the limit.
    pub fn fits(self, limit: Self) -> bool {
        self.mails <= limit.mails && self.bytes <= limit.bytes
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} mails with {} bytes of text", self.mails, self.bytes)
    }
}

impl Add for Size {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self { mails: self.mails + more.mails, bytes: self.bytes + more.bytes }
    }
}

impl AddAssign for Size {
    fn add_assign(&mut self, more: Self) {
        *self = *self + more;
    }
}

impl SubAssign for Size {
    fn sub_assign(&mut self, less: Self) {
        *self = Self { mails: self.mails - less.mails, bytes: self.bytes - less.bytes };
    }
}
