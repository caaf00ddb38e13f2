//! The door: native plugins enter through libloading here and nowhere else
