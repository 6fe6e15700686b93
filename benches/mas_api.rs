//! What the writer `mas-api` costs in addition to its requests: 1,000 disables by this program, and
//! the same requests by a bare client with the same concurrency, in turns, against the same
//! stand-in.
//!
//! `cargo bench --bench mas_api` prints both times and their ratio, which may be 1.2 at most.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use matrix_keycloak_sync::apply::{self, ApplyTallies, RunContext, RunRecord, Stop};
use matrix_keycloak_sync::config::{self, Config};
use matrix_keycloak_sync::environment::Timeouts;
use matrix_keycloak_sync::mas_api::MasApi;
use matrix_keycloak_sync::plan::{Outcome, Plan};
use matrix_keycloak_sync::planner::Draft;
use matrix_keycloak_sync::readers::{Detail, Readers, Tallies, Tally};
use matrix_keycloak_sync::standins::{Auth, RunningWorld, World};
use matrix_keycloak_sync::writers::Writer;
use serde_json::{Value, json};

type Outcomes<T = ()> = Result<T, Box<dyn Error>>;

const DISABLES: usize = 1000;
const ROUNDS: usize = 5;
const AT_MOST: f64 = 1.2;
const CONCURRENCY: usize = 8;

#[tokio::main]
async fn main() -> Outcomes<ExitCode> {
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{DISABLES} disables, {CONCURRENCY} at a time, in seconds\n\nround  bare client  mas-api  ratio"
    )?;
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let bare = bare().await?.as_secs_f64();
        let ours = ours().await?.as_secs_f64();
        ratios.push(ours / bare);
        writeln!(out, "{round:>5}  {bare:>11.3}  {ours:>7.3}  {:>5.2}", ours / bare)?;
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ROUNDS / 2];
    let good = median <= AT_MOST;
    let word = if good { "within" } else { "MORE THAN" };
    writeln!(out, "\nmedian ratio {median:.2}, {word} the {AT_MOST} that it may be")?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All accounts but one are to be disabled.
async fn world() -> Outcomes<RunningWorld> {
    let world = World::new("example.org").group("/matrix-users").member("alice").account("alice");
    Ok(world.leavers(DISABLES, "u").token_owner("alice").start().await?)
}

/// Times the program from the plan until MAS shows the last action, without the reading before it.
async fn ours() -> Outcomes<Duration> {
    let world = world().await?;
    let config = configuration(&world)?;
    let mas = MasApi::new(
        config.mas_api.as_ref().ok_or("[writer.mas_api] is there")?,
        Timeouts::default(),
    )?;
    let readers = Readers::new(&config, Some(&mas), Timeouts::default())?;
    let writer = Writer::new(&config.writer, &config.server_name, Some(&mas), &|_| None)?;
    let plan = plan(&readers, &config).await?;
    let context = RunContext {
        record: RunRecord::new(None, plan.digest()),
        stop: Stop::default(),
        failed_before: BTreeSet::new(),
    };
    let started = Instant::now();
    let outcomes =
        apply::apply(&plan, &writer, &readers, &config, &context, &ApplyTallies::default()).await;
    let took = started.elapsed();
    match outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count() {
        DISABLES => Ok(took),
        done => Err(format!("{done} of {DISABLES} were disabled").into()),
    }
}

async fn plan(readers: &Readers, config: &Config) -> Outcomes<Plan> {
    let reading = readers.read(config, &Tallies::default(), Detail::Plan).await?;
    let draft = Draft::new(&reading.facts, &config.policy);
    let rechecks = readers
        .recheck(draft.to_recheck().collect(), usize::MAX, &reading, &Tally::default())
        .await?;
    Ok(draft.decide(&rechecks))
}

fn configuration(world: &RunningWorld) -> Outcomes<Config> {
    let file = world.directory().join("config.toml");
    let text = format!(
        "[accounts]\nsource = \"mas\"\n[writer]\ntype = \"mas-api\"\n[writer.mas_api]\nurl = {:?}\nissuer = {:?}\n\
         client_id = {:?}\nclient_secret = {:?}\nconcurrency = {CONCURRENCY}\n",
        world.mas_admin_url(),
        world.mas_issuer(),
        world.mas_client_id(),
        world.mas_client_secret(),
    );
    std::fs::write(&file, text)?;
    let variables = world.env(Auth::ClientCredentials);
    let of_mas_alone = |name: &str| {
        let found = variables.iter().find(|(variable, _)| {
            variable == name && !["MATRIX_URL", "MATRIX_ADMIN_TOKEN"].contains(&name)
        });
        found.map(|(_, value)| value.clone())
    };
    Ok(config::load(Some(&file), &of_mas_alone)?.config)
}

/// The same requests and nothing else: lock, deactivate, three lists of sessions, and one look at
/// the end.
async fn bare() -> Outcomes<Duration> {
    let world = world().await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let token = token(&world, &client).await?;
    let api = format!("{}/api/admin/v1", world.mas_admin_url());
    let ids: Vec<String> = {
        let mas = world.mas.state();
        mas.users().filter(|user| user.username != "alice").map(|user| user.id.clone()).collect()
    };
    let started = Instant::now();
    let ask = |request: reqwest::RequestBuilder| async {
        request.bearer_auth(&token).send().await?.error_for_status()?.json::<Value>().await
    };
    stream::iter(&ids)
        .map(|id| {
            let (api, client, ask) = (&api, &client, &ask);
            async move {
                ask(client.post(format!("{api}/users/{id}/lock"))).await?;
                let body = json!({"skip_erase": true});
                ask(client.post(format!("{api}/users/{id}/deactivate")).json(&body)).await?;
                for kind in ["compat-sessions", "oauth2-sessions", "user-sessions"] {
                    let filter =
                        format!("filter[user]={id}&filter[status]=active&page[first]=10000");
                    ask(client.get(format!("{api}/{kind}?{filter}"))).await?;
                }
                Ok::<_, reqwest::Error>(())
            }
        })
        .buffer_unordered(CONCURRENCY)
        .try_collect::<Vec<_>>()
        .await?;
    stream::iter(&ids)
        .map(|id| ask(client.get(format!("{api}/users/{id}"))))
        .buffer_unordered(CONCURRENCY)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(started.elapsed())
}

async fn token(world: &RunningWorld, client: &reqwest::Client) -> Outcomes<String> {
    let request = client.post(format!("{}oauth2/token", world.mas_issuer()));
    let form = "grant_type=client_credentials&scope=urn%3Amas%3Aadmin";
    let request =
        request.basic_auth(world.mas_client_id(), Some(world.mas_client_secret())).body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer: Value = request.send().await?.error_for_status()?.json().await?;
    Ok(answer["access_token"].as_str().ok_or("a token")?.to_owned())
}
