// Command provider is a provider for Terraform whose resources do nothing: a plan of
// them shows what Terraform makes of blocks, sets, and attributes that a provider
// computes.
package main

import (
	"context"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	datasourceschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func main() {
	opts := providerserver.ServeOpts{Address: "registry.terraform.io/holdfast/probe"}
	if err := providerserver.Serve(context.Background(), func() provider.Provider { return probe{} }, opts); err != nil {
		log.Fatal(err)
	}
}

type probe struct{}

func (probe) Metadata(_ context.Context, _ provider.MetadataRequest, r *provider.MetadataResponse) {
	r.TypeName = "probe"
}
func (probe) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}
func (probe) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {
}
func (probe) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return thing{} }}
}
func (probe) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return fact{} }}
}

// thing has an attribute and a block of each sort.
type thing struct{}

func (thing) Metadata(_ context.Context, _ resource.MetadataRequest, r *resource.MetadataResponse) {
	r.TypeName = "probe_thing"
}

func (thing) Schema(_ context.Context, _ resource.SchemaRequest, r *resource.SchemaResponse) {
	match := schema.SetNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
		"key":    schema.StringAttribute{Optional: true},
		"values": schema.SetAttribute{Optional: true, ElementType: types.StringType},
	}}}
	r.Schema = schema.Schema{
		Attributes: map[string]schema.Attribute{
			"id":      schema.StringAttribute{Computed: true},
			"arn":     schema.StringAttribute{Computed: true},
			"name":    schema.StringAttribute{Required: true},
			"note":    schema.StringAttribute{Optional: true, Computed: true},
			"size":    schema.NumberAttribute{Optional: true},
			"enabled": schema.BoolAttribute{Optional: true},
			"tags":    schema.MapAttribute{Optional: true, ElementType: types.StringType},
			"zones":   schema.SetAttribute{Optional: true, ElementType: types.StringType},
			"ports":   schema.ListAttribute{Optional: true, ElementType: types.NumberType},
			"inner": schema.SingleNestedAttribute{Optional: true, Attributes: map[string]schema.Attribute{
				"mode": schema.StringAttribute{Optional: true, Computed: true},
				"text": schema.StringAttribute{Optional: true},
			}},
		},
		Blocks: map[string]schema.Block{
			"rule": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{
				Attributes: map[string]schema.Attribute{
					"port":   schema.NumberAttribute{Optional: true},
					"cidrs":  schema.ListAttribute{Optional: true, ElementType: types.StringType},
					"handle": schema.StringAttribute{Optional: true, Computed: true},
				},
				Blocks: map[string]schema.Block{"match": match},
			}},
			"match": match,
		},
	}
}

func (thing) Create(context.Context, resource.CreateRequest, *resource.CreateResponse) {}
func (thing) Read(context.Context, resource.ReadRequest, *resource.ReadResponse)       {}
func (thing) Update(context.Context, resource.UpdateRequest, *resource.UpdateResponse) {}
func (thing) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// fact is a data source that copies its question.
type fact struct{}

type answer struct {
	Question types.String `tfsdk:"question"`
	Answer   types.String `tfsdk:"answer"`
}

func (fact) Metadata(_ context.Context, _ datasource.MetadataRequest, r *datasource.MetadataResponse) {
	r.TypeName = "probe_fact"
}

func (fact) Schema(_ context.Context, _ datasource.SchemaRequest, r *datasource.SchemaResponse) {
	r.Schema = datasourceschema.Schema{Attributes: map[string]datasourceschema.Attribute{
		"question": datasourceschema.StringAttribute{Required: true},
		"answer":   datasourceschema.StringAttribute{Computed: true},
	}}
}

func (fact) Read(ctx context.Context, q datasource.ReadRequest, r *datasource.ReadResponse) {
	var a answer
	r.Diagnostics.Append(q.Config.Get(ctx, &a)...)
	a.Answer = a.Question
	r.Diagnostics.Append(r.State.Set(ctx, &a)...)
}
