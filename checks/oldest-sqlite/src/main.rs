//! Runs a file of statements on a database and prints what each of them says.

use std::process::ExitCode;

mod transcript;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(statements)) = (arguments.next(), arguments.next()) else {
        println!("{}", rusqlite::version());
        return ExitCode::SUCCESS;
    };
    let statements = match std::fs::read_to_string(&statements) {
        Ok(statements) => statements,
        Err(error) => {
            eprintln!("{statements}: {error}");
            return ExitCode::FAILURE;
        }
    };
    match transcript::transcript(&file, &statements) {
        Ok(said) => {
            print!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}
