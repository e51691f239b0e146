#![doc = include_str!("../README.md")]

pub mod api;
mod client;
mod endpoint;
mod error;
mod id;
mod json;
pub mod limiter;
mod number;
pub mod object;
mod paging;
pub mod retry;
mod signed;
mod timer;
mod token;
pub mod transport;
pub mod url;
pub mod write;

pub use client::{BuildError, Client, ClientBuilder, Meta, NotionVersion, Response};
pub use endpoint::{Call, Endpoint, MAX_BODY_BYTES, RawRequest};
pub use error::{ApiError, EdgeError, Error, ErrorCode, ErrorKind, InvalidRequest, PagingError};
pub use id::{
    BlockId, Cursor, DataSourceId, DatabaseId, InvalidId, OptionId, PageId, PropertyId, UserId,
    ViewId,
};
pub use json::{DecodeError, Json};
pub use limiter::{Limiter, RateLimit};
pub use number::{InvalidNumber, Number};
pub use paging::{
    IncompleteReason, Item, List, Object, Odd, PageGuard, Paged, Pager, Partial, RequestStatus,
};
pub use retry::{RetryPolicy, Safety};
pub use signed::unsigned;
pub use timer::Timer;
#[cfg(feature = "tokio")]
pub use timer::TokioTimer;
pub use token::{InvalidToken, Token};
pub use transport::{
    HttpRequest, HttpResponse, Sent, Transport, TransportError, TransportErrorKind,
};
#[cfg(feature = "reqwest")]
pub use transport::{ReqwestOptions, ReqwestTransport};

pub use bytes;
pub use http;
pub use serde_json::value::RawValue;
