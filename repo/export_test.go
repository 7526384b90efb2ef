package repo

// LongUnused makes the DB believe that its session was last said to be in use long ago.
func (db *DB) LongUnused() { db.used.Store(0) }
