import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.MiniDFSCluster;

/**
 * The real daemons of Hadoop in one process: a NameNode, two DataNodes, a ResourceManager, two NodeManagers and the
 * JobHistory server, at free ports. The first argument is the directory for all of it; conf/ in it gets the client's
 * configuration, and the file "ready" is made last. It runs until it is killed.
 */
public class MiniCluster {
  public static void main(String[] args) throws Exception {
    Path dir = Paths.get(args[0]).toAbsolutePath();
    Path conf = dir.resolve("conf");
    Files.createDirectories(conf);
    Configuration c = Yarn.configuration(new Configuration());
    c.set("hadoop.tmp.dir", dir.resolve("tmp").toString());
    c.set("fs.permissions.umask-mode", "022");
    c.setInt("dfs.replication", 2);
    c.setInt("dfs.namenode.fs-limits.min-block-size", 4096); // a test cuts small files into many blocks
    c.setInt("dfs.bytes-per-checksum", 512);
    MiniDFSCluster dfs = new MiniDFSCluster.Builder(c, dir.resolve("dfs").toFile()).numDataNodes(2).build();
    dfs.waitActive();
    FileSystem fs = dfs.getFileSystem();
    FsPermission all = new FsPermission((short) 01777);
    for (String name : new String[] {"/tmp", "/user", "/tmp/logs"}) {
      org.apache.hadoop.fs.Path p = new org.apache.hadoop.fs.Path(name);
      fs.mkdirs(p);
      fs.setPermission(p, all);
    }

    FileSystem.setDefaultUri(c, dfs.getURI());
    Configuration client = Yarn.start(c, 2, System.getProperty("weir.task.jvm", ""));
    Yarn.write(client, conf);
    String addresses = "namenode " + dfs.getURI() + "\nresourcemanager " + client.get("yarn.resourcemanager.address")
        + "\nresourcemanager-web " + client.get("yarn.resourcemanager.webapp.address")
        + "\njobhistory " + client.get("mapreduce.jobhistory.webapp.address") + "\n";
    Files.write(dir.resolve("addresses"), addresses.getBytes("UTF-8"));
    File ready = dir.resolve("ready").toFile();
    if (!ready.createNewFile()) {
      throw new IllegalStateException(ready + " is there already");
    }
    String owner = System.getenv("WEIR_CLUSTER_OWNER"); // a process without which nobody needs the cluster
    while (owner == null || ProcessHandle.of(Long.parseLong(owner)).map(ProcessHandle::isAlive).orElse(false)) {
      Thread.sleep(1000);
    }
    System.exit(0);
  }
}
