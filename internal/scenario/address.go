package scenario

// A network is a real public range, so that the country of an address is what the visitor's habits say.
type network struct {
	base   uint32
	bits   int
	weight int
}

func ip4(a, b, c, d uint32) uint32 { return a<<24 | b<<16 | c<<8 | d }

// address is the address of whoever key stands for.
func (n network) address(key uint64) uint32 {
	a := n.base + uint32(key>>(64-(32-n.bits)))
	if a&255 == 0 || a&255 == 255 {
		a ^= 0x2a
	}
	return a
}

func pickNetwork(list []network, key uint64) network {
	total := 0
	for _, n := range list {
		total += n.weight
	}
	k := int(key % uint64(total))
	for _, n := range list {
		if k -= n.weight; k < 0 {
			return n
		}
	}
	return list[0]
}

// Where people live: access networks of large providers.
var (
	networksHome = []network{
		{ip4(84, 128, 0, 0), 10, 160}, {ip4(91, 0, 0, 0), 10, 160}, {ip4(79, 192, 0, 0), 10, 120}, // DE
		{ip4(87, 128, 0, 0), 10, 120}, {ip4(95, 88, 0, 0), 14, 90}, {ip4(93, 192, 0, 0), 10, 100}, // DE
		{ip4(84, 112, 0, 0), 14, 60}, {ip4(62, 178, 0, 0), 16, 30}, // AT
		{ip4(85, 0, 0, 0), 13, 50}, {ip4(84, 72, 0, 0), 14, 30}, // CH
		{ip4(86, 192, 0, 0), 10, 40}, {ip4(82, 224, 0, 0), 11, 20}, // FR
		{ip4(86, 128, 0, 0), 10, 30}, {ip4(82, 0, 0, 0), 11, 15}, // GB
		{ip4(79, 0, 0, 0), 10, 25}, {ip4(87, 0, 0, 0), 10, 15}, // IT
		{ip4(88, 0, 0, 0), 11, 15}, {ip4(83, 0, 0, 0), 11, 25}, {ip4(81, 224, 0, 0), 12, 15}, // ES PL SE
	}
	networksAmerica = []network{
		{ip4(73, 0, 0, 0), 8, 60}, {ip4(98, 192, 0, 0), 10, 40}, {ip4(71, 160, 0, 0), 12, 20}, // US
		{ip4(99, 224, 0, 0), 11, 20}, {ip4(70, 48, 0, 0), 13, 15}, {ip4(201, 0, 0, 0), 12, 15}, // CA CA BR
	}
	networksAsia = []network{
		{ip4(126, 0, 0, 0), 8, 30}, {ip4(1, 120, 0, 0), 13, 30}, {ip4(101, 160, 0, 0), 11, 20}, // JP AU AU
		{ip4(117, 192, 0, 0), 10, 15}, {ip4(121, 128, 0, 0), 10, 15}, {ip4(49, 32, 0, 0), 11, 10}, // IN KR IN
	}
	// Where the internet's background noise comes from: rented servers and home routers that somebody else controls.
	networksNoise = []network{
		{ip4(159, 65, 0, 0), 16, 40}, {ip4(167, 71, 0, 0), 16, 40}, {ip4(138, 68, 0, 0), 16, 30}, // hosting
		{ip4(165, 22, 0, 0), 16, 30}, {ip4(142, 93, 0, 0), 16, 30}, {ip4(51, 38, 0, 0), 16, 20}, // hosting
		{ip4(51, 75, 0, 0), 16, 20}, {ip4(95, 216, 0, 0), 16, 20}, {ip4(139, 162, 0, 0), 16, 30}, // hosting
		{ip4(47, 88, 0, 0), 14, 25}, {ip4(8, 208, 0, 0), 12, 25}, {ip4(144, 91, 0, 0), 16, 15}, // hosting
		{ip4(222, 64, 0, 0), 11, 40}, {ip4(183, 128, 0, 0), 11, 40}, {ip4(114, 80, 0, 0), 12, 30}, // CN
		{ip4(95, 24, 0, 0), 13, 25}, {ip4(14, 160, 0, 0), 11, 25}, {ip4(113, 160, 0, 0), 11, 20}, // RU VN VN
		{ip4(117, 192, 0, 0), 10, 30}, {ip4(36, 64, 0, 0), 11, 25}, {ip4(121, 128, 0, 0), 10, 20}, // IN ID KR
		{ip4(201, 0, 0, 0), 12, 20}, {ip4(73, 0, 0, 0), 8, 15}, {ip4(84, 128, 0, 0), 10, 8}, // BR US DE
	}
	// Where other people's sites are served from.
	networksSites = []network{
		{ip4(104, 16, 0, 0), 12, 50}, {ip4(151, 101, 0, 0), 16, 25}, {ip4(13, 32, 0, 0), 15, 30}, // CDN
		{ip4(23, 32, 0, 0), 11, 30}, {ip4(18, 192, 0, 0), 15, 20}, {ip4(88, 198, 0, 0), 16, 15}, // CDN, clouds
		{ip4(116, 202, 0, 0), 16, 15}, {ip4(85, 13, 128, 0), 18, 15}, {ip4(217, 160, 0, 0), 16, 15}, // DE hosting
		{ip4(51, 75, 0, 0), 16, 10}, {ip4(95, 216, 0, 0), 16, 8}, {ip4(159, 65, 0, 0), 16, 8}, // cheap hosting
		{ip4(139, 162, 0, 0), 16, 6}, {ip4(144, 91, 0, 0), 16, 6}, // cheap hosting
	}
	networkMicrosoft = network{ip4(20, 36, 0, 0), 14, 1}
	networkGoogle    = network{ip4(142, 250, 0, 0), 16, 1}
)

// The company's own machines.
var (
	addrResolver = ip4(10, 0, 0, 2)
	addrWeb      = ip4(10, 0, 0, 5)
	addrDB       = ip4(10, 0, 0, 6)
	addrBackup   = ip4(10, 0, 0, 7)
	addrCI       = ip4(10, 0, 0, 9)
	addrVictim   = ip4(10, 0, 2, 17)
	addrOffice   = ip4(217, 86, 143, 50) // what the world sees of the office
)

func appendIP(b []byte, a uint32) []byte {
	b = appendOctet(b, byte(a>>24))
	b = appendOctet(append(b, '.'), byte(a>>16))
	b = appendOctet(append(b, '.'), byte(a>>8))
	return appendOctet(append(b, '.'), byte(a))
}

func appendOctet(b []byte, v byte) []byte {
	if v >= 100 {
		b = append(b, '0'+v/100)
	}
	if v >= 10 {
		b = append(b, '0'+v/10%10)
	}
	return append(b, '0'+v%10)
}
