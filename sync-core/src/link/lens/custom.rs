//! Lenses a program brings along.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{LensContext, Unmappable};
use crate::link::Side;
use crate::value::Value;

/// A lens of the program's own.
///
/// It keeps the laws of every lens ([`check_laws`](super::check_laws) checks them): pure, total,
/// the same answer for the same values and names. That equal values agree and that values which
/// agree already are left alone is seen to by [`Lens`](super::Lens).
pub trait CustomLens: Send + Sync {
    /// Its name, for good: mappings and stores hold it.
    fn name(&self) -> &str;

    /// Raised when other values agree than before: what was settled until then counts as never
    /// settled.
    fn version(&self) -> u32;

    /// Whether the two values say the same.
    fn agree(&self, context: &LensContext<'_>, left: &Value, right: &Value) -> bool;

    /// What `to` should hold so that it agrees with `source`; `old` is what it holds now, and does
    /// not agree.
    ///
    /// # Errors
    /// There is no such value; [`Unmappable::Refused`] says why in the program's words.
    fn repair(
        &self,
        context: &LensContext<'_>,
        to: Side,
        source: &Value,
        old: Option<&Value>,
    ) -> Result<Value, Unmappable>;
}

/// A lens of the program's own, by name and version, with its code once the program supplied it.
///
/// Only name and version are equal, stored and digested. Without its code nothing agrees and
/// nothing can be written ([`Unmappable::NotSupplied`]): see
/// [`Mapping::supply`](crate::link::Mapping::supply).
#[derive(Clone, Serialize, Deserialize)]
pub struct Custom {
    name: String,
    version: u32,
    #[serde(skip)]
    code: Option<Arc<dyn CustomLens>>,
}

impl Custom {
    /// Takes a lens.
    pub fn new(code: Arc<dyn CustomLens>) -> Self {
        Self {
            name: code.name().to_owned(),
            version: code.version(),
            code: Some(code),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes the code, if it is this lens's: of this name and version.
    pub(crate) fn supply(&mut self, code: &Arc<dyn CustomLens>) {
        if code.name() == self.name && code.version() == self.version {
            self.code = Some(Arc::clone(code));
        }
    }

    pub(super) fn agree(&self, context: &LensContext<'_>, left: &Value, right: &Value) -> bool {
        let code = self.code.as_ref();
        code.is_some_and(|code| code.agree(context, left, right))
    }

    pub(super) fn repair(
        &self,
        context: &LensContext<'_>,
        to: Side,
        source: &Value,
        old: Option<&Value>,
    ) -> Result<Value, Unmappable> {
        match &self.code {
            Some(code) => code.repair(context, to, source, old),
            None => Err(Unmappable::NotSupplied {
                name: self.name.clone(),
            }),
        }
    }
}

impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.version) == (&other.name, other.version)
    }
}

impl Eq for Custom {}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Custom({} {})", self.name, self.version)
    }
}
