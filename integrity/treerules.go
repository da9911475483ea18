package integrity

import "context"

func (c *checker) treeRules(ctx context.Context, j *judged, set changeSet) ([]Problem, error) {
	return nil, nil
}
