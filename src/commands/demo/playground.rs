//! Keeps the stand-ins running (`demo --serve`), with a page where people join, leave and are renamed,
//! so that everything this program does can be tried in a few minutes.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Path as Segments, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use minijinja::{Environment, context};
use serde::Deserialize;
use textwrap::indent;
use tokio::net::TcpListener;

use super::people::{Change, ChangeError, Directory, People, Person};
use super::{cannot, config, world};
use crate::cli::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::Word as _;
use crate::session::print;
use crate::shell::path_word;

/// How long the second stage waits.
const STAGE: &str = "2m";
/// `watch` follows what happens on the page within seconds.
const WATCH: &str = "\n[watch]\ninterval = \"1m\"\nevents_every = \"2s\"\naccounts_every = \"5s\"\nmembers_every = \"10s\"\n";
const PAGE: &str = include_str!("playground.html");
/// Nothing on the page comes from elsewhere.
const POLICY: [(HeaderName, &str); 2] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

struct Playground {
    people: People,
    commands: String,
}

/// Runs the stand-ins until Ctrl-C.
pub(super) async fn serve(global: &Global) -> Result<Exit, Failure> {
    let people = People::start(world()).await.map_err(cannot("start the stand-ins"))?;
    let path = config(&people.world, STAGE, WATCH)?;
    let local = |what: &str| {
        let what = what.to_owned();
        move |source| Failure::Local { what, source }
    };
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(local("listen on loopback"))?;
    let address = listener.local_addr().map_err(local("listen on loopback"))?;
    let commands = commands(&global.from_anywhere().program, &path);
    print(&introduction(&format!("http://{address}"), &path, &commands))?;
    let app = Router::new()
        .route("/", get(page))
        .route("/add", post(add))
        .route("/rename/{name}", post(rename))
        .route("/directory/{state}", post(directory))
        .route("/{change}/{name}", post(change))
        .with_state(Arc::new(Playground { people, commands }));
    let ended = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    // Open pages must not keep it running.
    tokio::select! {
        served = axum::serve(listener, app) => served.map_err(local("serve the page"))?,
        () = ended => {}
    }
    Ok(Exit::InStep)
}

/// Returns the commands to try, in a good order.
fn commands(program: &str, config: &Path) -> String {
    let config = path_word(config);
    let steps = ["doctor", "plan", "explain dave", "sync", "history", "undo 1 --dry-run", "watch"];
    steps.map(|step| format!("{program} --config {config} {step}\n")).concat()
}

fn introduction(url: &str, config: &Path, commands: &str) -> String {
    format!(
        "Stand-ins for Keycloak, Synapse and MAS run until you press Ctrl-C.\n\n\
         From another terminal, try\n{}\n\
         People join, leave, are renamed or locked on this page, or with curl:\n  {url}/\n  \
         curl -X POST {url}/leave/alice\n  curl -X POST {url}/join/dave\n  curl -d to=david {url}/rename/dave\n  \
         curl -X POST {url}/lock/lena\n  curl -d name=mallory {url}/add\n  curl -X POST {url}/register/mallory\n  \
         curl -X POST {url}/directory/down\n\n\
         A locked account is deactivated after {STAGE}. The configuration is in\n  {}\n\
         Take away one # in its [policy] and the lines it replaces: see the difference.\n",
        indent(commands, "  "),
        config.display()
    )
}

/// What a form or `curl -d` sends.
#[derive(Deserialize)]
struct NewName {
    #[serde(alias = "name")]
    to: String,
}

async fn page(State(playground): State<Arc<Playground>>) -> Response {
    show(&playground, None)
}

async fn add(
    State(playground): State<Arc<Playground>>,
    headers: HeaderMap,
    Form(new): Form<NewName>,
) -> Response {
    let changed = playground.people.add(&new.to);
    answer(&playground, &headers, changed, &new.to)
}

async fn rename(
    State(playground): State<Arc<Playground>>,
    Segments(name): Segments<String>,
    headers: HeaderMap,
    Form(new): Form<NewName>,
) -> Response {
    let changed = playground.people.rename(&name, &new.to);
    answer(&playground, &headers, changed, &new.to)
}

async fn directory(
    State(playground): State<Arc<Playground>>,
    Segments(state): Segments<String>,
    headers: HeaderMap,
) -> Response {
    match state.as_str() {
        "down" => playground.people.take_down(),
        "up" => playground.people.bring_back(),
        _ => return StatusCode::NOT_FOUND.into_response(),
    }
    answer(&playground, &headers, Ok(()), "")
}

async fn change(
    State(playground): State<Arc<Playground>>,
    Segments((change, name)): Segments<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(change) = Change::from_word(&change) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let changed = playground.people.change(&name, change);
    answer(&playground, &headers, changed, &name)
}

/// Answers a browser with the page, and curl with what has changed.
fn answer(
    playground: &Playground,
    headers: &HeaderMap,
    changed: Result<(), ChangeError>,
    name: &str,
) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let is_browser = accepts.is_some_and(|accepts| accepts.contains("text/html"));
    match (changed, is_browser) {
        (Ok(()), true) => Redirect::to("/").into_response(),
        (Ok(()), false) => {
            let people = playground.people.list();
            let is_shown = |person: &&Person| name.is_empty() || person.name == name;
            let line = |person: &Person| {
                format!("{}: {}; account {}\n", person.name, person.in_keycloak, person.account)
            };
            people.iter().filter(is_shown).map(line).collect::<String>().into_response()
        }
        (Err(error), true) => show(playground, Some(&error)),
        (Err(error), false) => {
            (StatusCode::UNPROCESSABLE_ENTITY, format!("{error}\n")).into_response()
        }
    }
}

fn show(playground: &Playground, error: Option<&ChangeError>) -> Response {
    let page = Environment::new().render_named_str(
        "playground.html",
        PAGE,
        context! {
            people => playground.people.list(),
            group => playground.people.world.group(),
            is_up => playground.people.directory() == Directory::Up,
            commands => playground.commands,
            error => error.map(ToString::to_string),
        },
    );
    match page {
        Ok(page) => {
            let status =
                if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
            (status, POLICY, Html(page)).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
