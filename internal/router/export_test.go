package router

// Held returns how many groups the router keeps.
func (r *Router) Held() int { return len(r.active) }
