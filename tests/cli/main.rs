//! The program as its users run it, against stand-ins for the servers.

mod accounts;
mod actions;
mod apply;
mod command_line;
mod conformance;
mod doctor;
mod economy;
mod explain;
mod failures;
mod federation;
mod harness;
mod limits;
mod lock_mode;
mod mas_api;
mod mas_api_tls;
mod mas_cli_calls;
mod members;
mod patience;
mod second_look;
mod secrets;
mod subprocesses;
mod table;
mod tls;
mod upstream_link;
