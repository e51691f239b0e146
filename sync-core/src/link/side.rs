//! The two sides of a link. People see their names; left and right stay inside.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// One of the two peers of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The first peer.
    Left,
    /// The second peer.
    Right,
}

impl Side {
    /// Both, left first.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];

    /// The opposite side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// Something for each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sides<T> {
    /// The left one.
    pub left: T,
    /// The right one.
    pub right: T,
}

impl<T> Sides<T> {
    /// One for each side.
    pub fn new(left: T, right: T) -> Self {
        Self { left, right }
    }

    /// Computes one for each side.
    pub fn from_fn(mut make: impl FnMut(Side) -> T) -> Self {
        Self {
            left: make(Side::Left),
            right: make(Side::Right),
        }
    }

    /// Computes a new pair from this one.
    pub fn map<U>(self, mut make: impl FnMut(T) -> U) -> Sides<U> {
        Sides {
            left: make(self.left),
            right: make(self.right),
        }
    }

    /// References to both.
    pub fn as_ref(&self) -> Sides<&T> {
        Sides {
            left: &self.left,
            right: &self.right,
        }
    }

    /// The mirrored pair.
    #[must_use]
    pub fn swap(self) -> Self {
        Self {
            left: self.right,
            right: self.left,
        }
    }
}

impl<T> Index<Side> for Sides<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }
}

impl<T> IndexMut<Side> for Sides<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }
}
