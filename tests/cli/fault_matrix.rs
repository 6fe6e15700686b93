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
//! The table is printed past the test harness, so that it is shown if the test passes too.

mod cell;
mod expected;
mod front;
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
use cell::{Cell, MOMENTS, SERVERS, Server, Trouble};
use scene::Scene;
use verdict::{Report, in_place};

/// No hang takes longer, and no case makes a run wait for two hangs in a row.
const LONGEST: Duration = Duration::from_secs(90);
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
    let report = Report::of(&before, &after, &records, &members);
    wrong.extend(verdict::of_exit(code, &before, &after, &scene.due(&records)));
    let done = before.keys().all(|name| in_place(name, &before, &after, &members));
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
    let out_of_place = before.keys().filter(|name| !in_place(name, &before, &end, &members));
    wrong.extend(
        out_of_place.map(|name| format!("the next run leaves {name} as {:?}", end.get(name))),
    );
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

/// The table in the form of `expected.txt`. If all ways of a cell end alike, it has one entry.
fn table(ended: &[Ended]) -> BTreeMap<(Server, Trouble), Vec<String>> {
    let mut table = BTreeMap::new();
    for server in SERVERS {
        for &trouble in server.troubles() {
            let exit = |moment| {
                let cell = Cell { server, trouble, moment };
                if cell.why_not().is_some() {
                    return "—".to_owned();
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
            table.insert((server, trouble), MOMENTS.map(exit).to_vec());
        }
    }
    table
}

fn printed(table: &BTreeMap<(Server, Trouble), Vec<String>>) -> String {
    let line = |first: &str, cells: &[String]| {
        let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:<12}")).collect();
        format!("{first:<28}{}", cells.concat()).trim_end().to_owned() + "\n"
    };
    let mut text = line("", &MOMENTS.map(|moment| moment.to_string()));
    for server in SERVERS {
        let _ = writeln!(text, "{server}");
        for &trouble in server.troubles() {
            text += &line(&format!("  {trouble}"), &table[&(server, trouble)]);
        }
    }
    text
}

/// Why some cases do not exist, each reason once.
fn footnotes() -> String {
    let mut rules: Vec<&str> = Vec::new();
    for server in SERVERS {
        for &trouble in server.troubles() {
            let of =
                MOMENTS.into_iter().filter_map(|moment| Cell { server, trouble, moment }.why_not());
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
    let cases: Vec<_> = cells()
        .flat_map(|(server, trouble)| MOMENTS.map(|moment| Cell { server, trouble, moment }))
        .filter(|cell| cell.why_not().is_none())
        .flat_map(|cell| cell.ways().iter().map(move |way| (cell, *way)))
        .collect();
    let ended = play_all(cases);

    let table = table(&ended);
    let mut wrong = Vec::new();
    for one in &ended {
        let Report { wrong_disables, wrong_activations, lost_records } = &one.report;
        let of_case =
            wrong_disables.iter().chain(wrong_activations).chain(lost_records).chain(&one.wrong);
        let of_case: Vec<_> = of_case.cloned().collect();
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
        "fault matrix: {} cases run, {} wrong disables, {} wrong activations, {} lost records, {} hangs ({} s)\n",
        ended.len(),
        sum(|one| one.report.wrong_disables.len()),
        sum(|one| one.report.wrong_activations.len()),
        sum(|one| one.report.lost_records.len()),
        sum(|one| usize::from(one.exit == "hang")),
        begin.elapsed().as_secs(),
    );
    let shown = format!("\n{}{}{}\n{last}", printed(&table), expected::LEGEND, footnotes());
    std::io::stdout().lock().write_all(shown.as_bytes()).expect("a place to print to");
    wrong.extend(expected::differences(&table));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
