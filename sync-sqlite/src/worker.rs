//! The thread that owns the connection, and the handle to it.
//!
//! Requests are closures over what the thread owns, a [`Database`] or a file with a table of somebody
//! else; answers come back through a oneshot channel, so no
//! async runtime is needed and a dropped future leaves a whole transaction or none behind.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use futures::channel::oneshot;
use notion_sync_core::port::StoreError;

use crate::database::Database;
use crate::error::Result;

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// A handle to the thread. When the last one goes, the file is closed before `drop` returns.
pub(crate) struct Worker<T = Database>(Arc<Shared<T>>);

impl<T> Clone for Worker<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Shared<T> {
    jobs: Mutex<Option<mpsc::Sender<Job<T>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<T: Send + 'static> Worker<T> {
    /// Moves the connection and what belongs to it to a thread of its own.
    pub(crate) fn start(mut owned: T) -> std::result::Result<Self, StoreError> {
        let (jobs, inbox) = mpsc::channel::<Job<T>>();
        let thread = thread::Builder::new()
            .name("notion-sync-sqlite".to_owned())
            .spawn(move || {
                for job in inbox {
                    job(&mut owned);
                }
            })
            .map_err(|error| StoreError::Io {
                message: "no thread could be started for the file".to_owned(),
                source: Some(Box::new(error)),
            })?;
        Ok(Self(Arc::new(Shared {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// Runs a job on the thread and waits for its answer.
    pub(crate) async fn ask<A: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> Result<A> + Send + 'static,
    ) -> std::result::Result<A, StoreError> {
        let gone = || {
            let why = "the thread that holds the file has ended; open the file again";
            StoreError::Lost(why.to_owned())
        };
        let (answer, answered) = oneshot::channel();
        let job: Job<T> = Box::new(move |owned| {
            // Nobody waits any more if the caller was dropped; the work is done all the same.
            let _ = answer.send(job(owned).map_err(|fault| fault.0));
        });
        {
            let jobs = self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            jobs.as_ref()
                .ok_or_else(gone)?
                .send(job)
                .map_err(|_| gone())?;
        }
        answered.await.map_err(|_| gone())?
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let jobs = self.jobs.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(jobs.take());
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // A panic there was already reported by the job's missing answer.
            let _ = thread.join();
        }
    }
}
