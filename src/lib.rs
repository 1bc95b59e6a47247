//! clinichub
