package table

import (
	"maps"
	"slices"
)

// parseProjection reads a projection expression; an absent one gives nil.
func parseProjection(text *string, given *placeholders) ([]path, error) {
	if text == nil {
		return nil, nil
	}
	return parse("ProjectionExpression", *text, given, func(p *parser) []path {
		paths := []path{p.path()}
		for p.accept(",") {
			paths = append(paths, p.path())
		}
		p.checkOverlap(paths)
		return paths
	})
}

// project returns the parts of the item at the paths; all of it if there are
// none.
func project(it Item, paths []path) Item {
	if paths == nil {
		return it
	}
	part := Item{}
	for _, p := range paths {
		v, ok := p.lookUp(it)
		if !ok {
			continue
		}
		part[p.top()] = graft(part[p.top()], p[1:], v)
	}
	return part
}

// graft puts v into parent at the steps. Indexes of a projected list close up,
// as in DynamoDB.
func graft(parent Value, steps []step, v Value) Value {
	if len(steps) == 0 {
		return v
	}
	if steps[0].isIndex {
		parent.Type = typeList
		parent.List = append(slices.Clone(parent.List), graft(Value{}, steps[1:], v))
		return parent
	}
	parent.Type = typeMap
	if parent.Map = maps.Clone(parent.Map); parent.Map == nil {
		parent.Map = map[string]Value{}
	}
	parent.Map[steps[0].name] = graft(parent.Map[steps[0].name], steps[1:], v)
	return parent
}

// checkOverlap refuses paths of which one is the beginning of another.
func (p *parser) checkOverlap(paths []path) {
	for i, a := range paths {
		for _, b := range paths[i+1:] {
			n := min(len(a), len(b))
			if slices.Equal(a[:n], b[:n]) {
				p.fail("Two document paths overlap with each other; must remove or rewrite one of these paths; path "+
					"one: %s, path two: %s", a, b)
			}
		}
	}
}
