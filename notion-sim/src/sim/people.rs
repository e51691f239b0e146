//! What people do in Notion's own windows and programs only see the outcome of: templates, consent.

use serde_json::{Map, Value, json};

use super::{NotionSim, SimError, id_of};
use crate::endpoint::pages;
use crate::error::{ApiError, ApiResult};
use crate::model::World;
use crate::model::oauth::OAuthClient;
use crate::model::row::Parent;
use crate::value::block;

impl NotionSim {
    /// Makes a template of a data source in place of a person; gives its id, which is a page's. `template`
    /// is `{properties?, icon?, cover?, children?, is_default?}`, the first four as `POST /v1/pages` takes
    /// them; the name of a template is its title.
    ///
    /// # Errors
    /// As the API would refuse it.
    pub fn create_template(&self, data_source: &str, template: &Value) -> Result<String, SimError> {
        self.with(|simulation| create_template(&mut simulation.world, data_source, template))
    }

    /// What a program shows to the OAuth endpoints.
    #[must_use]
    pub fn oauth_client(&self) -> OAuthClient {
        self.with(|simulation| simulation.world.access.client.clone())
    }

    /// A person allows the program to act: gives the code that Notion would send it, good for ten minutes.
    /// `redirect_uri` is where the program asked to be sent.
    #[must_use]
    pub fn authorize(&self, redirect_uri: Option<&str>) -> String {
        self.with(|simulation| simulation.world.authorize(redirect_uri))
    }
}

pub(crate) fn create_template(
    world: &mut World,
    data_source: &str,
    template: &Value,
) -> Result<String, SimError> {
    let source = id_of(data_source)?;
    let unshared = std::mem::take(&mut world.unshared);
    let made = template_in(world, source, template);
    world.unshared = unshared;
    Ok(made?)
}

fn template_in(world: &mut World, source: uuid::Uuid, template: &Value) -> ApiResult<String> {
    world.data_source(source)?;
    let none = Map::new();
    let fields = template.as_object().unwrap_or(&none);
    let change = pages::change(fields)?;
    let no_blocks = json!([]);
    let given = fields.get("children").unwrap_or(&no_blocks);
    let drafts = block::children("body.children", given)?;
    world.check_drafts("body.children", None, &drafts)?;
    let is_default = match fields.get("is_default") {
        None => false,
        Some(Value::Bool(flag)) => *flag,
        other => return Err(ApiError::body("body.is_default", "a boolean", other)),
    };
    let person = world.person;
    let id = world.create_page(Parent::DataSource(source), change, person)?;
    world.grow(id, 0, drafts, person);
    world.add_template(id, source, is_default);
    Ok(id.to_string())
}
