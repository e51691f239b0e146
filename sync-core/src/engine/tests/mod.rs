//! The whole engine over the reference parts: a remote peer like Notion, a local one in the store.

mod adopt;
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
mod postponed;
mod refusals;
mod relations;
mod retention;
mod spans;
mod undo;
mod undo_histories;
mod unsettled;
mod verify;
mod watch;
mod world;
