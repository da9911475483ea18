package cel

import (
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Resources of Terraform are known by the names that they have in the cloud, too.
func TestGivenNames(t *testing.T) {
	of := func(kind, name, attribute string) *resource.Resource {
		root := resource.NewMap(source.Span{}).Put("bucket", resource.NewText(attribute, source.Span{}))
		return &resource.Resource{ID: resource.ID{Platform: resource.Terraform, Kind: kind, Name: kind + "." + name}, Root: root}
	}
	bucket := of("aws_s3_bucket", "data", "acme-data")
	same, other := of("aws_s3_bucket_versioning", "a", "acme-data"), of("aws_s3_bucket_versioning", "b", "acme-logs")
	in := newIndex(resource.NewSet([]*resource.Resource{bucket, same, other}))
	for _, tt := range []struct {
		of       *resource.Resource
		relation policy.Relation
		want     *resource.Resource
	}{
		{bucket, policy.Relation{Match: policy.Match{Kinds: []string{"aws_s3_bucket_versioning"}}, Link: policy.ReferencedBy, Paths: []string{"bucket"}}, same},
		{same, policy.Relation{Match: policy.Match{Kinds: []string{"aws_s3_bucket"}}, Link: policy.References, Paths: []string{"bucket"}}, bucket},
	} {
		found, open := in.group(&tt.relation, tt.of.ID).linked(&tt.relation, tt.of)
		if open != "" || len(found) != 1 || found[0].Resource != tt.want {
			t.Errorf("%s of %s: got %v (%s), want %s", tt.relation.Link, tt.of.ID.Name, found, open, tt.want.ID.Name)
		}
	}
}
