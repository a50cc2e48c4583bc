package agent

// Under SnapStart the process is part of a snapshot that is taken after init,
// and every environment is a clone of it. What was received before has its keys
// by then, so that all clones write the same rows. What comes after needs an
// environment ID of each clone's own. crypto/rand gives one: the kernel's
// generator is reseeded when a virtual machine is restored.

// restored is called when the process is known to run in a clone, or never to
// become one. Only the first call has an effect.
func (a *Agent) restored() {
	if !a.renewed.Swap(true) {
		a.cfg.Store.Renew()
	}
}

// startWriting lets what waits leave, except while a snapshot is still to
// come: a connection in it would be dead in every clone.
func (a *Agent) startWriting() {
	if !a.sealed() {
		a.cfg.Store.Start()
	}
}

// sealed reports that a snapshot is still to come.
func (a *Agent) sealed() bool { return a.cfg.Snapshot && !a.renewed.Load() }
