package placement

// balanceLeaders chooses one of each shard's members (node positions, as [spread] gives them) as its leader, so
// that the numbers of leaders per node are as level as the members allow; they are within one of each other
// whenever the replicas are.
//
// Each shard first goes to its member with the fewest leaders. Then, as long as some chain of hand-overs leads
// from a node to one with at least two fewer, it is followed: as in any assignment problem, when no such chain
// is left the result is as level as it can be.
func balanceLeaders(nodes int, members [][]int) []int {
	l := &leveller{members: members, leader: make([]int, len(members)), led: make([][]int, nodes)}
	for shard, candidates := range members {
		best := candidates[0]
		for _, n := range candidates[1:] {
			if len(l.led[n]) < len(l.led[best]) {
				best = n
			}
		}
		l.leader[shard] = best
		l.led[best] = append(l.led[best], shard)
	}
	for from := 0; from < nodes; {
		if !l.relieve(from) {
			from++
			continue
		}
		from = 0 // the chain may have opened a way for an earlier node
	}
	return l.leader
}

type leveller struct {
	members [][]int
	leader  []int   // by shard
	led     [][]int // by node: the shards it leads
}

// relieve moves one leader away from node along the shortest chain that ends at a node with at least two fewer.
func (l *leveller) relieve(node int) bool {
	via := make([]int, len(l.led)) // the shard whose hand-over reaches a node, plus one; 0 is unreached
	queue := []int{node}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, shard := range l.led[n] {
			for _, next := range l.members[shard] {
				if next == node || via[next] != 0 {
					continue
				}
				via[next] = shard + 1
				if len(l.led[next])+2 <= len(l.led[node]) {
					l.handOver(node, next, via)
					return true
				}
				queue = append(queue, next)
			}
		}
	}
	return false
}

// handOver walks the chain back from its end: every shard on it is led by the node it reaches.
func (l *leveller) handOver(start, end int, via []int) {
	for end != start {
		shard := via[end] - 1
		from := l.leader[shard]
		l.led[from] = remove(l.led[from], shard)
		l.led[end] = append(l.led[end], shard)
		l.leader[shard] = end
		end = from
	}
}

// remove drops one value from an unordered list.
func remove(list []int, value int) []int {
	for i, v := range list {
		if v == value {
			list[i] = list[len(list)-1]
			return list[:len(list)-1]
		}
	}
	return list
}
