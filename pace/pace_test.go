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
		{0, setting{littlePercent, 252 * mb}},
		{5 * mb, setting{littlePercent, 252 * mb}},
		{7 * mb, setting{1900, 252 * mb}},
		{35 * mb, setting{300, 252 * mb}},
		{70 * mb, setting{percent, 252 * mb}},
		{130 * mb, setting{percent, 380 * mb}},
		{200 * mb, setting{percent, 380 * mb}},
		{300 * mb, setting{manyPercent, math.MaxInt64}},
	} {
		if got := Usual.settingFor(tt.live); got != tt.want {
			t.Errorf("with %d MB in use it is %+v, want %+v", tt.live/mb, got, tt.want)
		}
	}
}
