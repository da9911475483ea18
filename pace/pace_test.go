package pace

import (
	"math"
	"testing"
)

func TestSettingFor(t *testing.T) {
	const mb = 1 << 20
	for _, tt := range []struct {
		live int64
		want setting
	}{
		{0, setting{maxPercent, softLimit}},
		{5 * mb, setting{maxPercent, softLimit}},
		{35 * mb, setting{300, softLimit}},
		{70 * mb, setting{percent, softLimit}},
		{200 * mb, setting{percent, softLimit}},
		{300 * mb, setting{percent, math.MaxInt64}},
	} {
		if got := settingFor(tt.live, Usual); got != tt.want {
			t.Errorf("with %d MB in use it is %+v, want %+v", tt.live/mb, got, tt.want)
		}
	}
}
