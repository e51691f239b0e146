//! Other links of the same store: their pairs tell what references mean.

use super::{LinkId, Sides};
use crate::port::PlaceId;

/// Another link of the same store, between collections that records of this one refer to or move to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its name in the store.
    pub link: LinkId,
    /// Its two collections, on the same sides as those of this link: where this one has Notion on
    /// the left, so has its neighbour.
    pub places: Sides<PlaceId>,
}
