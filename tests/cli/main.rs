//! The program as its users run it, against stand-ins for the servers.

mod command_line;
mod harness;
mod secrets;
mod subprocesses;
mod table;
