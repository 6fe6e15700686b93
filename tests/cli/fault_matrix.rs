//! Every server, every fault, every moment: no wrong disable, no wrong activation, no lost record,
//! no hang, and the right exit code.
//!
//! A case is a world of its own, the real binary, and one fault that lasts from its moment on. Then
//! the fault is removed, and three things are checked: what the servers show (`verdict`), what
//! `history` has recorded, and whether the next run puts every account into the right state.
//! `expected.txt` says how each case ends; it has the form of the printed table. `cell` says which
//! cases exist and why some do not, `scene` makes the world and its fault, `front` refuses
//! connections or shows a wrong certificate, `mas_cli` is a failing mas-cli, `machine` is what
//! fails on the machine itself, and `new_account` what happens while `watch` runs.
//!
//! Without `FAULT_STEP=1`, only one cell of 24 is run, and none that waits for minutes: the whole
//! matrix is half of what all tests take.
//!
//! The table is printed past the test harness, so that it is shown if the test passes too.

mod cell;
mod expected;
mod front;
mod lifecycle;
mod machine;
mod mas_cli;
mod new_account;
mod scene;
mod verdict;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::harness::Way;
use crate::random::rounds;
use cell::{Cell, Moment, SERVERS, Server, Trouble};
use expected::TABLES;
use lifecycle::{LAST, People, REVOKED};
use scene::Scene;
use verdict::Report;

/// A run that takes longer hangs. On an idle machine, none needs more than 200 s, even if each of
/// several kinds of actions waits for a server that hangs, until the writer is given up.
const LONGEST: Duration = Duration::from_mins(10);
/// One cell of how many is run, unless the variable `FAULT_STEP` has another number.
const STEP: usize = 24;
/// How many busy cases run at a time; cases that mostly wait run all at once.
const AT_A_TIME: usize = 16;

/// How one case ended.
struct Ended {
    cell: Cell,
    way: Way,
    /// The entry of the table: the exit code, with `~` if an account is left to the next run
    /// although the code is 0; or `hang` if the run had to be killed.
    exit: String,
    report: Report,
    /// Faults that the report does not count.
    wrong: Vec<String>,
    stderr: String,
}

fn play(runtime: &Runtime, cell: Cell, way: Way) -> Ended {
    let scene = runtime.block_on(Scene::start(cell, way));
    let before = scene.everyone();
    let people = cell.moment.is_of_lifecycle().then(|| People::of(&scene));
    let run = runtime.block_on(scene.run(LONGEST));
    scene.heal();
    let mut wrong = Vec::new();
    if !runtime.block_on(scene.world.settle()) {
        wrong.push("MAS has jobs left".to_owned());
    }
    let after = scene.everyone();
    let members = scene.members();
    let records = scene.records();
    let code = run.as_ref().map(|run| run.code);
    let mut report = Report::of(&before, &after, &records, &members, scene.disable_mode());
    let mut unfinished = Vec::new();
    if let Some(people) = &people {
        let then = People::of(&scene);
        people.compare(&then, &records, &[REVOKED], &mut report);
        unfinished = then.unfinished();
    }
    wrong.extend(verdict::of_exit(code, &before, &after, &scene.due(&records)));
    let is_in_place = |name: &&String, now| scene.is_in_place(name, &before, now, &members);
    let done = unfinished.is_empty() && before.keys().all(|name| is_in_place(&name, &after));
    let exit = match code {
        None => "hang".to_owned(),
        Some(0) if !done => "0~".to_owned(),
        Some(code) => code.to_string(),
    };

    match runtime.block_on(scene.sync(LONGEST)).map(|run| (run.code, run.stderr)) {
        Some((0, _)) => {}
        other => wrong.push(format!("the next run: {other:?}")),
    }
    if !runtime.block_on(scene.world.settle()) {
        wrong.push("MAS has jobs left after the next run".to_owned());
    }
    let end = scene.everyone();
    let out_of_place = before.keys().filter(|name| !is_in_place(name, &end));
    wrong.extend(
        out_of_place.map(|name| format!("the next run leaves {name} as {:?}", end.get(name))),
    );
    if let Some(people) = &people {
        let then = People::of(&scene);
        people.compare(&then, &scene.records(), &[REVOKED, LAST], &mut report);
        wrong.extend(
            then.unfinished().into_iter().map(|what| format!("the next run leaves {what}")),
        );
    }
    Ended { cell, way, exit, report, wrong, stderr: run.map(|run| run.stderr).unwrap_or_default() }
}

/// Cases that mostly wait run all at once, the others a few at a time.
fn play_all(cases: Vec<(Cell, Way)>) -> Vec<Ended> {
    let runtime = Runtime::new().expect("a runtime");
    let (waiting, busy): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|(cell, _)| cell.mostly_waits());
    let (queue, ended) = (Mutex::new(busy), Mutex::new(Vec::new()));
    let play = |(cell, way)| {
        let one = play(&runtime, cell, way);
        ended.lock().expect("no panic while it is held").push(one);
    };
    let next = || queue.lock().expect("no panic while it is held").pop();
    thread::scope(|scope| {
        for case in waiting {
            scope.spawn(move || play(case));
        }
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(case) = next() {
                    play(case);
                }
            });
        }
    });
    ended.into_inner().expect("no case panicked")
}

/// The table of these moments in the form of `expected.txt`. If all ways of a cell end alike, it has
/// one entry.
fn table(ended: &[Ended], moments: &[Moment]) -> BTreeMap<(Server, Trouble), Vec<String>> {
    let mut table = BTreeMap::new();
    for server in SERVERS {
        for &trouble in server.troubles() {
            let exit = |&moment: &Moment| {
                let cell = Cell { server, trouble, moment };
                if cell.why_not().is_some() {
                    return "—".to_owned();
                }
                if !ended.iter().any(|one| one.cell == cell) {
                    return expected::NOT_RUN.to_owned();
                }
                let ways = cell.ways().iter();
                let of_way =
                    |way: &Way| ended.iter().find(|one| one.cell == cell && one.way == *way);
                let exit: Vec<_> = ways.filter_map(of_way).map(|one| one.exit.clone()).collect();
                if exit.iter().all(|one| *one == exit[0]) {
                    exit[0].clone()
                } else {
                    exit.join("/")
                }
            };
            table.insert((server, trouble), moments.iter().map(exit).collect());
        }
    }
    table
}

fn printed(table: &BTreeMap<(Server, Trouble), Vec<String>>, moments: &[Moment]) -> String {
    let line = |first: &str, cells: &[String]| {
        let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:<12}")).collect();
        format!("{first:<28}{}", cells.concat()).trim_end().to_owned() + "\n"
    };
    let mut text = line("", &moments.iter().map(ToString::to_string).collect::<Vec<_>>());
    for server in SERVERS {
        let _ = writeln!(text, "{server}");
        for &trouble in server.troubles() {
            text += &line(&format!("  {trouble}"), &table[&(server, trouble)]);
        }
    }
    text
}

fn all_moments() -> impl Iterator<Item = Moment> {
    TABLES.into_iter().flat_map(|(moments, _)| moments.iter().copied())
}

/// Why some cases do not exist, each reason once.
fn footnotes() -> String {
    let mut rules: Vec<&str> = Vec::new();
    for server in SERVERS {
        for &trouble in server.troubles() {
            let of = all_moments().filter_map(|moment| Cell { server, trouble, moment }.why_not());
            for rule in of {
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
        }
    }
    rules.into_iter().fold(String::new(), |text, rule| text + "— " + rule + "\n")
}

#[test]
fn no_fault_at_any_moment_disables_by_mistake_or_loses_a_record() {
    let begin = Instant::now();
    let cells = || {
        SERVERS
            .into_iter()
            .flat_map(|server| server.troubles().iter().map(move |&trouble| (server, trouble)))
    };
    let step = rounds("FAULT_STEP", STEP);
    let cases: Vec<_> = cells()
        .flat_map(|(server, trouble)| {
            all_moments().map(move |moment| Cell { server, trouble, moment })
        })
        .filter(|cell| cell.why_not().is_none() && (step == 1 || !cell.mostly_waits()))
        .step_by(step)
        .flat_map(|cell| cell.ways().iter().map(move |way| (cell, *way)))
        .collect();
    let ended = play_all(cases);

    let tables = TABLES.map(|(moments, _)| table(&ended, moments));
    let mut wrong = Vec::new();
    for one in &ended {
        let of_case: Vec<_> = one.report.all().chain(&one.wrong).cloned().collect();
        if !of_case.is_empty() || one.exit == "hang" {
            let Way { writer, source } = one.way;
            let what = of_case.join("\n  ");
            wrong.push(format!(
                "{} ({writer}, {source}): {}\n  {what}\n{}",
                one.cell, one.exit, one.stderr
            ));
        }
    }
    let sum = |count: fn(&Ended) -> usize| ended.iter().map(count).sum::<usize>();
    let last = format!(
        "fault matrix: {} cases run, {} wrong disables, {} wrong activations, {} lost records, \
         {} wrong accounts made, {} wrong or last administrators, {} hangs ({} s)\n",
        ended.len(),
        sum(|one| one.report.wrong_disables.len()),
        sum(|one| one.report.wrong_activations.len()),
        sum(|one| one.report.lost_records.len()),
        sum(|one| one.report.wrong_accounts.len()),
        sum(|one| one.report.wrong_admins.len()),
        sum(|one| usize::from(one.exit == "hang")),
        begin.elapsed().as_secs(),
    );
    let [first, second] = [0, 1].map(|number| printed(&tables[number], TABLES[number].0));
    let shown = format!("\n{first}\n{second}{}{}\n{last}", expected::LEGEND, footnotes());
    std::io::stdout().lock().write_all(shown.as_bytes()).expect("a place to print to");
    for (table, (_, expected)) in tables.iter().zip(TABLES) {
        wrong.extend(expected::differences(table, expected, step));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
