//! The program as its users run it, against stand-ins for the servers.

mod accounts;
mod actions;
mod command_line;
mod federation;
mod harness;
mod lock_mode;
mod mas_cli_calls;
mod members;
mod second_look;
mod secrets;
mod subprocesses;
mod table;
