//! The whole engine over the reference parts: a remote peer like Notion, a local one in the store.

mod authority;
mod conflicts;
mod crashes;
mod creates;
mod deletes;
mod edits;
mod filters;
mod holds;
mod hostile;
mod matching;
mod odd_peer;
mod order;
mod plans;
mod refusals;
mod spans;
mod watch;
mod world;
