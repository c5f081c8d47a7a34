import java.io.File;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Properties;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.minikdc.MiniKdc;
import org.apache.hadoop.security.UserGroupInformation;

/**
 * A KDC of the realm WEIR.TEST and several file systems (a NameNode and a DataNode each) that ask for its tickets, in one
 * process. They differ in how they protect what goes over the network. The first argument is the directory for all of it:
 * krb5.conf, keytabs/NAME.keytab of the users alice and bob, SYSTEM/conf for clients, addresses, and the file "ready", which
 * is made last. It runs until it is killed.
 */
public class SecureCluster {
  private static final String REALM = "WEIR.TEST";

  /** The keys in which the systems differ. */
  private static final String[] KEYS = {
    "hadoop.rpc.protection", "dfs.data.transfer.protection", "dfs.encrypt.data.transfer", "dfs.encrypt.data.transfer.cipher.suites"
  };

  private static final String AES = "AES/CTR/NoPadding";

  /** The name of each system, and its values of KEYS. */
  private static final String[][] SYSTEMS = {
    {"authentication", "authentication", "authentication", "false", ""},
    {"integrity", "integrity", "integrity", "false", ""},
    {"privacy", "privacy", "privacy", "false", ""},
    {"several", "authentication,privacy", "authentication,privacy", "false", AES},
    {"aes", "authentication", "authentication", "true", AES},
    {"rc4", "authentication", "authentication", "true", ""},
  };

  public static void main(String[] args) {
    try {
      run(Paths.get(args[0]).toAbsolutePath());
      System.exit(0);
    } catch (Throwable e) {
      e.printStackTrace();
      System.exit(1); // there are threads that would live on
    }
  }

  private static void run(Path dir) throws Exception {
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
    for (String user : new String[] {"alice", "bob"}) {
      kdc.createPrincipal(keytabs.resolve(user + ".keytab").toFile(), user);
    }

    Configuration c = new HdfsConfiguration();
    c.set("hadoop.security.authentication", "kerberos");
    c.set("dfs.namenode.kerberos.principal", "hdfs/localhost@" + REALM);
    c.set("dfs.datanode.kerberos.principal", "hdfs/localhost@" + REALM);
    c.set("dfs.namenode.keytab.file", services.toString());
    c.set("dfs.datanode.keytab.file", services.toString());
    c.setBoolean("dfs.block.access.token.enable", true);
    c.setBoolean("ignore.secure.ports.for.testing", true); // of the web servers, which nobody asks
    c.set("fs.permissions.umask-mode", "022");
    c.setInt("dfs.replication", 1);
    c.setInt("dfs.blocksize", 262144);
    c.setInt("dfs.namenode.fs-limits.min-block-size", 4096);
    UserGroupInformation.setConfiguration(c);
    UserGroupInformation.loginUserFromKeytab("hdfs/localhost@" + REALM, services.toString());

    StringBuilder addresses = new StringBuilder("kdc localhost:" + kdc.getPort() + "\n");
    for (String[] system : SYSTEMS) {
      Configuration s = new HdfsConfiguration(c);
      for (int i = 0; i < KEYS.length; i++) {
        s.set(KEYS[i], system[i + 1]);
      }
      addresses.append(start(dir, system[0], s));
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
    for (String user : new String[] {"alice", "bob"}) {
      org.apache.hadoop.fs.Path p = new org.apache.hadoop.fs.Path("/user/" + user);
      fs.mkdirs(p);
      fs.setOwner(p, user, user);
      fs.setPermission(p, new FsPermission((short) 0700));
    }
    Configuration client = new Configuration(false);
    FileSystem.setDefaultUri(client, dfs.getURI());
    client.set("hadoop.security.authentication", "kerberos");
    for (String key : KEYS) {
      client.set(key, c.get(key));
    }
    client.set("dfs.namenode.kerberos.principal", "hdfs/_HOST@" + REALM);
    Path conf = Files.createDirectories(home.resolve("conf"));
    for (String site : new String[] {"core-site.xml", "hdfs-site.xml"}) {
      try (OutputStream out = new FileOutputStream(conf.resolve(site).toFile())) {
        client.writeXml(out);
      }
    }
    return name + " " + dfs.getURI() + "\n";
  }
}
