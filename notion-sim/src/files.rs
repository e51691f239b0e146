//! Hosted files at the front: requests that go to the store instead of the API. No token, no ledger, no
//! limit, no faults: the signature is all there is.

use std::time::Duration;

use bytes::Bytes;

use crate::clock::http_date;
use crate::front::{Fate, Inbound, Outbound, Simulation};
use crate::model::hosted::SERVED;

/// Whether a request is for the store.
pub(crate) fn is_meant(request: &Inbound) -> bool {
    let below = request.path.strip_prefix(SERVED);
    below.is_some_and(|below| below.starts_with('/'))
}

/// Gives the bytes of a file, or refuses as the store does.
pub(crate) fn respond(simulation: &mut Simulation, request: &Inbound) -> Outbound {
    let now = simulation.tick();
    let path = request.path.trim_start_matches(SERVED);
    let mut out = Outbound {
        status: 200,
        content_type: "application/xml".into(),
        date: http_date(now),
        request_id: None,
        retry_after: None,
        cf_ray: None,
        body: Bytes::new(),
        delay: Duration::ZERO,
        fate: Fate::Send,
    };
    match simulation
        .world
        .fetch(&request.method, path, &request.query)
    {
        Ok(served) => {
            out.content_type = served.content_type.into();
            out.body = served.bytes;
        }
        Err(refusal) => {
            out.status = refusal.status;
            let id = simulation.next_request_id();
            out.body = refusal.to_xml(&id).into();
        }
    }
    out
}
