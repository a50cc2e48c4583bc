package agent

// Under SnapStart the process is part of a snapshot that is taken after init,
// and every environment is a clone of it. What was received before has its keys
// by then, so that all clones write the same rows. What comes after needs an
// environment ID of each clone's own. crypto/rand gives one: the kernel's
// generator is reseeded when a virtual machine is restored.

// noteRestored is called when the process is known to run in a clone, or never
// to become one. Only the first call has an effect.
func (a *Agent) noteRestored() {
	if !a.restored.Swap(true) {
		a.cfg.Store.Renew()
	}
}

// startWriting lets what waits leave, except while a snapshot is still to
// come: a connection in it would be dead in every clone.
func (a *Agent) startWriting() {
	if !a.beforeSnapshot() {
		a.cfg.Store.Start()
	}
}

// beforeSnapshot reports whether a snapshot is still to come.
func (a *Agent) beforeSnapshot() bool { return a.cfg.Snapshot && !a.restored.Load() }
