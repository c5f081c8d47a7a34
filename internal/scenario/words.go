package scenario

// Words that the shop, its searches and its scanners are made of.
var (
	materials = []string{"walnut", "oak", "linen", "wool", "leather", "canvas", "brass", "copper", "bamboo", "felt", "steel",
		"cotton", "ceramic", "glass", "cork", "ash", "merino", "down", "waxed", "marble"}
	styles = []string{"classic", "nordic", "alpine", "vintage", "slim", "compact", "large", "folding", "travel", "family",
		"outdoor", "winter", "summer", "night", "light", "heavy"}
	things = []string{"lamp", "desk", "chair", "backpack", "boots", "jacket", "blanket", "kettle", "knife", "tent", "mug",
		"scarf", "gloves", "wallet", "notebook", "pillow", "bench", "shelf", "vase", "rug", "socks", "thermos", "stove",
		"sleeping-bag", "rain-coat", "hat"}
	categories = []string{"lighting", "furniture", "outdoor", "clothing", "shoes", "kitchen", "bedroom", "office", "travel",
		"kids", "sale", "new"}
	// Searches as browsers send them.
	oddSearches = []string{"men%27s+boots", "l%C3%B6ffel", "k%C3%BCchenmesser+20+cm", "chair+%26+desk", "100%25+wool",
		"lamp+e27+%3C+10w", "what+is+the+difference+between+merino+and+wool", "o%27neill", "12%22+knife", "tent+2+or+3+persons",
		"select+oak+table", "drop+leaf+table", "union+jack+pillow", "boots+size+42-43", "rucksack+40l+%28blue%29",
		"caf%C3%A9+mug", "gift+for+mother%27s+day", "*", "a", "10.0", "%F0%9F%8E%81+gift", "order+by+phone%3F"}
	referers = []string{"https://www.google.com/", "https://www.google.com/", "https://www.google.com/",
		"https://www.google.de/", "https://www.bing.com/", "https://duckduckgo.com/", "https://www.pinterest.de/",
		"https://www.instagram.com/", "https://www.ecosia.org/", "https://www.idealo.de/", "https://l.facebook.com/"}

	// What the internet's scanners ask everybody for, every day.
	noisePaths = []string{"/wp-login.php", "/.env", "/wp-login.php", "/.env", "/.git/config", "/xmlrpc.php", "/phpmyadmin/",
		"/admin.php", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", "/boaform/admin/formLogin", "/.aws/credentials",
		"/actuator/health", "/server-status", "/cgi-bin/luci/;stok=/locale", "/wp-content/plugins/wp-file-manager/readme.txt",
		"/config.json", "/owa/auth/logon.aspx", "/HNAP1", "/solr/admin/info/system?wt=json", "/telescope/requests",
		"/index.php?s=/Index/%5Cthink%5Capp/invokefunction&function=call_user_func_array&vars[0]=md5&vars[1][]=HelloThinkPHP",
		"/?x=${jndi:ldap://127.0.0.1:1389/a}", "/.env.bak", "/api/.env", "/backup.zip", "/.DS_Store", "/wp-admin/setup-config.php",
		"/login.action", "/remote/login", "/geoserver/web/", "/_ignition/execute-solution", "/autodiscover/autodiscover.json",
		"/cgi-bin/../../../../etc/passwd", "/index.php?id=1%27", "/shell.php", "/.well-known/security.txt", "/robots.txt", "/"}
	noiseAgents = []string{"Mozilla/5.0 zgrab/0.x", "python-requests/2.31.0", "curl/7.88.1", "Go-http-client/1.1", "-",
		"Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)", "Mozlila/5.0 (Linux; Android 7.0)",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:109.0) Gecko/20100101 Firefox/115.0",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/81.0.4044.129 Safari/537.36",
		"Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)", "Mozilla/5.0", "libredtail-http"}
	noiseUsers = []string{"root", "root", "root", "root", "admin", "admin", "test", "ubuntu", "user", "oracle", "postgres",
		"pi", "git", "guest", "ftpuser", "support", "hadoop", "deploy", "es", "nagios", "www", "minecraft", "debian", "centos"}

	// What a directory brute force and a vulnerability scanner try beyond that.
	scanWords = []string{"admin", "administrator", "backup", "old", "test", "dev", "stage", "config", "conf", "data", "db", "dump",
		"export", "files", "ftp", "hidden", "include", "install", "internal", "intranet", "invoice", "log", "logs", "mail",
		"manage", "manager", "media", "panel", "phpinfo", "private", "report", "root", "script", "secret", "secure", "server",
		"setup", "shell", "sql", "src", "static", "status", "storage", "system", "temp", "tmp", "tools", "upload", "uploads",
		"user", "users", "v1", "v2", "web", "webmail", "xml", "orders", "reviews", "api", "account", "cms", "cron", "debug"}
	scanEndings = []string{"", "/", ".php", ".bak", ".old", ".zip", ".tar.gz", ".sql", ".txt", "~", ".inc", ".php.swp"}
	scanProbes  = []string{"/cgi-bin/test.cgi", "/icons/", "/manual/", "/?-s", "/index.php?page=../../../../../../../../etc/passwd",
		"/index.php?page=http://cirt.net/rfiinc.txt?", "/search?q=<script>alert(1)</script>",
		"/search?q=%3Cscript%3Ealert%28%27Vulnerable%27%29%3C%2Fscript%3E", "/..%255c..%255cwindows/win.ini",
		"/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/api/v1/stock?id=../../etc/passwd%00", "/crossdomain.xml", "/clientaccesspolicy.xml",
		"/.htaccess", "/.htpasswd", "/.svn/entries", "/WEB-INF/web.xml", "/nosuchfile.asp", "/p/1;id", "/search?q=|id", "/trace.axd",
		"/search?q=%0d%0aSet-Cookie:%20x=1", "/reviews/upload?file=../../../x", "/uploads/reviews/?C=M;O=D", "/login?next=//example.org/"}

	firstNames = []string{"anna", "marek", "jonas", "lena", "paul", "sofia", "felix", "clara", "david", "emma", "finn", "greta",
		"hannes", "ida", "jakob", "karin", "lukas", "mia", "nils", "olga", "peter", "rosa", "simon", "tina", "uwe", "vera",
		"willi", "yara", "anton", "berta", "carl", "dora", "emil", "frida", "georg", "hilde", "ivan", "julia", "kurt", "luise",
		"nora"}

	syllables = []string{"ba", "lo", "mi", "ter", "nex", "cor", "vi", "sol", "ra", "dan", "pe", "kon", "sta", "gri", "ul", "ven",
		"to", "mar", "ex", "fin", "hol", "za", "qui", "ber", "no", "tal", "du", "sen", "pri", "ga"}
	endings = []string{".com", ".com", ".com", ".com", ".de", ".de", ".de", ".net", ".org", ".io", ".eu", ".info"}
	labels  = []string{"www.", "www.", "www.", "cdn.", "static.", "api.", "img.", "", "", "app.", "assets.", "shop.", "t."}
)
