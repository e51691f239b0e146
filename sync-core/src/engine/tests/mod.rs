//! The whole engine over the reference parts: a remote peer like Notion, a local one in the store.

mod conflicts;
mod crashes;
mod creates;
mod deletes;
mod edits;
mod hostile;
mod odd_peer;
mod plans;
mod refusals;
mod world;
