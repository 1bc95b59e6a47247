//! Why a source failed, as far as its driver tells: what an operator reads, and whether trying
//! again at once can help.
//!
//! Driver texts may quote a value or a password and are not shown; kinds and codes are.

use std::error::Error;
use std::io::ErrorKind;

use mysql_async::{DriverError, IoError};
use tokio_postgres::error::SqlState;

use super::error::Cause;

/// A kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody answers at the address.
    Unreachable,
    /// The server answers but takes nobody now.
    Busy,
    /// User or password is refused.
    Credentials,
    /// Somebody at the source holds a lock.
    Locked,
    /// A statement ran longer than it may.
    Slow,
    /// The server ended the read to solve a deadlock.
    Deadlock,
    /// The server could not keep the moment the read looks at.
    Overtaken,
    /// The connection ended in the middle.
    Cut,
    /// Anything else.
    Other,
}

/// The source did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {0} s")]
pub(super) struct NoAnswer(pub(super) u64);

impl Trouble {
    pub(super) fn of(cause: &Cause) -> Self {
        let mut next: Option<&(dyn Error + 'static)> = Some(cause.as_ref());
        while let Some(error) = next {
            let found = own(error).or_else(|| postgres(error)).or_else(|| mysql(error));
            if let Some(found) = found.or_else(|| sqlite(error)) {
                return found;
            }
            next = error.source();
        }
        Self::Other
    }

    /// Whether it may be over in a moment.
    pub(super) fn is_transient(self) -> bool {
        matches!(self, Self::Unreachable | Self::Busy | Self::Cut)
    }

    /// What happened, to go after a colon; empty when that is not known.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Unreachable => ": nobody answers at its address",
            Self::Busy => ": the server takes no more connections now",
            Self::Credentials => ": user or password was refused",
            Self::Locked => ": another session holds a lock on it longer than `lock_timeout`",
            Self::Slow => ": a statement ran longer than `statement_timeout`",
            Self::Deadlock => ": the server ended it to solve a deadlock",
            Self::Overtaken => ": the server gave up the moment the read looks at",
            Self::Cut => ": the connection was cut",
            Self::Other => "",
        }
    }

    /// What to do, in place of a general hint.
    pub(super) fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::Unreachable => "check that the server is up and reachable, then run again",
            Self::Busy => "wait, or raise the server's limit of connections, then run again",
            Self::Credentials => "set user and password of `url` to what the source has now",
            Self::Locked => {
                "run again when the other session is done, or raise `limits.lock_timeout`"
            }
            Self::Slow => "make the read cheaper, or raise `limits.statement_timeout`",
            Self::Overtaken => {
                "read at a quieter time or from the primary, or let the server keep old rows \
                 longer, then run again"
            }
            Self::Deadlock | Self::Cut => "run the nightly again; nothing of this table was landed",
            Self::Other => return None,
        })
    }
}

/// Whether `error` only says that another one ended the transaction they share.
pub(super) fn is_aftermath(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (*error).source()).any(|error| {
        let code = error.downcast_ref::<tokio_postgres::Error>().and_then(|error| error.code());
        code == Some(&SqlState::IN_FAILED_SQL_TRANSACTION)
    })
}

fn own(error: &(dyn Error + 'static)) -> Option<Trouble> {
    if error.is::<NoAnswer>() {
        return Some(Trouble::Unreachable);
    }
    match error.downcast_ref::<std::io::Error>()?.kind() {
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Some(Trouble::Cut),
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::TimedOut => Some(Trouble::Unreachable),
        _ => None,
    }
}

fn postgres(error: &(dyn Error + 'static)) -> Option<Trouble> {
    let error = error.downcast_ref::<tokio_postgres::Error>()?;
    if error.is_closed() {
        return Some(Trouble::Cut);
    }
    let code = error.code()?;
    Some(
        if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION]
            .contains(code)
        {
            Trouble::Credentials
        } else if *code == SqlState::LOCK_NOT_AVAILABLE {
            Trouble::Locked
        } else if *code == SqlState::QUERY_CANCELED {
            Trouble::Slow
        } else if *code == SqlState::T_R_DEADLOCK_DETECTED {
            Trouble::Deadlock
        } else if [SqlState::SNAPSHOT_TOO_OLD, SqlState::T_R_SERIALIZATION_FAILURE].contains(code) {
            // The second is a replica that had to apply what the read still needed.
            Trouble::Overtaken
        } else if [SqlState::CANNOT_CONNECT_NOW, SqlState::TOO_MANY_CONNECTIONS].contains(code) {
            Trouble::Busy
        } else if [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN].contains(code) {
            Trouble::Cut
        } else {
            return None;
        },
    )
}

fn mysql(error: &(dyn Error + 'static)) -> Option<Trouble> {
    match error.downcast_ref::<mysql_async::Error>()? {
        mysql_async::Error::Driver(DriverError::ConnectionClosed) => Some(Trouble::Cut),
        // Half a packet is an error without a kind.
        mysql_async::Error::Io(IoError::Io(error)) => own(error).or(Some(Trouble::Cut)),
        mysql_async::Error::Server(error) => Some(match error.code {
            // Access denied, to the server or to the database.
            1044 | 1045 | 1698 => Trouble::Credentials,
            1205 => Trouble::Locked,
            1213 => Trouble::Deadlock,
            // A table that was changed while a consistent snapshot was read.
            1412 => Trouble::Overtaken,
            // `max_statement_time` of MariaDB, `max_execution_time` of MySQL.
            1969 | 3024 => Trouble::Slow,
            1040 | 1203 => Trouble::Busy,
            // Shutdown, killed query, killed connection.
            1053 | 1317 | 1927 => Trouble::Cut,
            _ => return None,
        }),
        _ => None,
    }
}

fn sqlite(error: &(dyn Error + 'static)) -> Option<Trouble> {
    let code = error.downcast_ref::<rusqlite::Error>()?.sqlite_error_code()?;
    let locked = [rusqlite::ErrorCode::DatabaseBusy, rusqlite::ErrorCode::DatabaseLocked];
    locked.contains(&code).then_some(Trouble::Locked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drivers_say_is_told_in_kinds() {
        let io = |kind| Trouble::of(&Cause::from(std::io::Error::from(kind)));
        assert_eq!(io(ErrorKind::ConnectionRefused), Trouble::Unreachable);
        assert_eq!(io(ErrorKind::ConnectionReset), Trouble::Cut);
        assert_eq!(io(ErrorKind::PermissionDenied), Trouble::Other);
        let server = |code| {
            let (message, state) = ("Access denied for user 'hub'".into(), "28000".into());
            let error = mysql_async::ServerError { code, message, state };
            Trouble::of(&Cause::from(mysql_async::Error::Server(error)))
        };
        assert_eq!(server(1045), Trouble::Credentials);
        assert_eq!(server(1205), Trouble::Locked);
        assert_eq!(server(1064), Trouble::Other);
        assert_eq!(Trouble::of(&NoAnswer(30).into()), Trouble::Unreachable);
    }

    #[test]
    fn only_what_may_pass_by_itself_is_tried_again() {
        use Trouble::{Busy, Credentials, Cut, Locked, Other, Slow, Unreachable};
        assert!([Unreachable, Busy, Cut].iter().all(|trouble| trouble.is_transient()));
        assert!(![Credentials, Locked, Slow, Other].iter().any(|trouble| trouble.is_transient()));
    }
}
