import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.minikdc.MiniKdc;
import org.apache.hadoop.security.UserGroupInformation;

/**
 * A KDC of the realm WEIR.TEST and several file systems (a NameNode and a DataNode each) that ask for its tickets, in one
 * process. They differ in how they protect what goes over the network. One, JOBS, has YARN too, where there is Hadoop's native library
 * (the second argument is its directory, or empty). The first argument is the directory for all of it:
 * krb5.conf, keytabs/NAME.keytab of the users alice, bob and of whoever runs this, SYSTEM/conf for clients, addresses, and the file
 * "ready", which is made last. It runs until it is killed.
 *
 * <p>YARN's containers are processes of whoever runs this, since only a setuid program could start them as others, and a secured shuffle
 * gives a user only files that are the user's. So it is in this user's name that jobs run to their end.
 */
public class SecureCluster {
  private static final String REALM = "WEIR.TEST";
  private static final String SERVICE = "hdfs/localhost@" + REALM;

  /** The keys in which the systems differ. */
  private static final String[] KEYS = {
    "hadoop.rpc.protection", "dfs.data.transfer.protection", "dfs.encrypt.data.transfer", "dfs.encrypt.data.transfer.cipher.suites"
  };

  private static final String AES = "AES/CTR/NoPadding";

  /** The name of each system, and its values of KEYS. */
  private static final String[][] SYSTEMS = {
    {"authentication", "authentication", "authentication", "false", ""},
    {"integrity", "integrity", "integrity", "false", ""},
    {"several", "authentication,privacy", "authentication,privacy", "false", AES},
    {"aes", "authentication", "authentication", "true", AES},
    {"rc4", "authentication", "authentication", "true", ""},
    {"privacy", "privacy", "privacy", "false", ""}, // JOBS is the last
  };

  /** The system that has YARN. Its conf is on the class path of this process, where parts of a NodeManager look for it, so it is started last. */
  private static final String JOBS = "privacy";

  private static final String SELF = System.getProperty("user.name");
  private static final Set<String> USERS = new TreeSet<>(Arrays.asList("alice", "bob", SELF));

  public static void main(String[] args) {
    try {
      run(Paths.get(args[0]).toAbsolutePath(), args[1]);
      System.exit(0);
    } catch (Throwable e) {
      e.printStackTrace();
      System.exit(1); // there are threads that would live on
    }
  }

  private static void run(Path dir, String nativeLibrary) throws Exception {
    Path keytabs = Files.createDirectories(dir.resolve("keytabs"));
    Properties p = MiniKdc.createConf();
    p.setProperty(MiniKdc.ORG_NAME, "WEIR");
    p.setProperty(MiniKdc.ORG_DOMAIN, "TEST");
    p.setProperty(MiniKdc.MIN_TICKET_LIFETIME, "1"); // a test has one expire
    MiniKdc kdc = new MiniKdc(p, Files.createDirectories(dir.resolve("kdc")).toFile());
    kdc.start();
    Files.copy(kdc.getKrb5conf().toPath(), dir.resolve("krb5.conf"));
    File services = keytabs.resolve("services.keytab").toFile();
    kdc.createPrincipal(services, "hdfs/localhost");
    for (String user : USERS) {
      kdc.createPrincipal(keytabs.resolve(user + ".keytab").toFile(), user);
    }

    Configuration c = new HdfsConfiguration();
    c.set("hadoop.security.authentication", "kerberos");
    c.set("dfs.namenode.kerberos.principal", SERVICE);
    c.set("dfs.datanode.kerberos.principal", SERVICE);
    c.set("dfs.namenode.keytab.file", services.toString());
    c.set("dfs.datanode.keytab.file", services.toString());
    c.setBoolean("dfs.block.access.token.enable", true);
    c.setBoolean("ignore.secure.ports.for.testing", true); // of the web servers, which nobody asks
    c.set("fs.permissions.umask-mode", "022");
    c.setInt("dfs.replication", 1);
    c.setInt("dfs.blocksize", 262144);
    c.setInt("dfs.namenode.fs-limits.min-block-size", 4096);
    UserGroupInformation.setConfiguration(c);
    UserGroupInformation.loginUserFromKeytab(SERVICE, services.toString());

    Configuration last = null;
    StringBuilder addresses = new StringBuilder("kdc localhost:" + kdc.getPort() + "\n");
    for (String[] system : SYSTEMS) {
      Configuration s = new HdfsConfiguration(c);
      for (int i = 0; i < KEYS.length; i++) {
        s.set(KEYS[i], system[i + 1]);
      }
      addresses.append(start(dir, system[0], s));
      last = s;
    }
    if (!nativeLibrary.isEmpty()) {
      addresses.append(yarn(dir, last, nativeLibrary));
    }
    Files.write(dir.resolve("addresses"), addresses.toString().getBytes("UTF-8"));
    File ready = dir.resolve("ready").toFile();
    if (!ready.createNewFile()) {
      throw new IllegalStateException(ready + " is there already");
    }
    String owner = System.getenv("WEIR_CLUSTER_OWNER"); // a process without which nobody needs the cluster
    while (owner == null || ProcessHandle.of(Long.parseLong(owner)).map(ProcessHandle::isAlive).orElse(false)) {
      Thread.sleep(1000);
    }
  }

  /** Starts one file system, with a directory for each user that has one, and writes what its clients need to know. */
  private static String start(Path dir, String name, Configuration c) throws Exception {
    Path home = Files.createDirectories(dir.resolve(name));
    MiniDFSCluster dfs = new MiniDFSCluster.Builder(c, home.resolve("dfs").toFile()).numDataNodes(1).build();
    dfs.waitActive();
    FileSystem fs = dfs.getFileSystem();
    org.apache.hadoop.fs.Path tmp = new org.apache.hadoop.fs.Path("/tmp");
    fs.mkdirs(tmp);
    fs.setPermission(tmp, new FsPermission((short) 01777));
    for (String user : USERS) {
      org.apache.hadoop.fs.Path p = new org.apache.hadoop.fs.Path("/user/" + user);
      fs.mkdirs(p);
      fs.setOwner(p, user, user);
      fs.setPermission(p, new FsPermission((short) 0700));
    }
    FileSystem.setDefaultUri(c, dfs.getURI());
    Yarn.write(client(c), Files.createDirectories(home.resolve("conf")));
    return name + " " + dfs.getURI() + "\n";
  }

  /** What clients of a file system have to know. */
  private static Configuration client(Configuration system) {
    Configuration client = new Configuration(false);
    client.set("fs.defaultFS", system.get("fs.defaultFS"));
    client.set("hadoop.security.authentication", "kerberos");
    client.set("fs.permissions.umask-mode", "022"); // the mini cluster would have everybody write
    for (String key : KEYS) {
      client.set(key, system.get(key));
    }
    client.set("dfs.namenode.kerberos.principal", "hdfs/_HOST@" + REALM);
    return client;
  }

  /** Starts YARN over a file system and gives its clients what they have to know of it. */
  private static String yarn(Path dir, Configuration system, String nativeLibrary) throws Exception {
    Configuration c = Yarn.configuration(system);
    for (String daemon : new String[] {"yarn.resourcemanager", "yarn.nodemanager", "mapreduce.jobhistory"}) {
      c.set(daemon + ".principal", SERVICE);
      c.set(daemon + ".keytab", system.get("dfs.namenode.keytab.file"));
    }
    c.set("yarn.nodemanager.admin-env", "KRB5_CONFIG=" + dir.resolve("krb5.conf")); // other machines have it in /etc
    String jvm = System.getProperty("weir.task.jvm", "") + " -Djava.library.path=" + nativeLibrary
        + " -Djava.security.krb5.conf=" + dir.resolve("krb5.conf");
    Configuration client = client(system);
    client.set("dfs.namenode.kerberos.principal", SERVICE); // for Java localhost may have another name
    client.addResource(Yarn.start(c, 1, jvm)); // what is set above stays
    Yarn.write(client, dir.resolve(JOBS).resolve("conf"));
    return "resourcemanager " + client.get("yarn.resourcemanager.address") + "\nuser " + SELF + "\n";
  }
}
