package check

// mix joins a hash with what follows it, so that the result tells the whole sequence (splitmix64's finisher).
func mix(sum, next uint64) uint64 {
	sum = (sum + next + 0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9
	sum = (sum ^ sum>>27) * 0x94D049BB133111EB
	return sum ^ sum>>31
}
