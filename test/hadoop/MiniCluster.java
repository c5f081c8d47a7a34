import java.io.File;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Map;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.mapred.JobConf;
import org.apache.hadoop.mapreduce.v2.MiniMRYarnCluster;

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
    String watched = "yarn.nodemanager.pmem-check-enabled";
    Configuration c = new Configuration() {
      @Override
      public void setBoolean(String name, boolean value) { // the mini cluster would switch it off
        super.setBoolean(name, value || name.equals(watched));
      }
    };
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
    // What a container is given, and what it is killed for: real memory, looked at often. Virtual memory means nothing.
    c.setInt("yarn.minicluster.yarn.nodemanager.resource.memory-mb", 2304);
    c.setInt("yarn.nodemanager.resource.cpu-vcores", 8);
    c.setInt("yarn.scheduler.minimum-allocation-mb", 64);
    c.setInt("yarn.scheduler.maximum-allocation-mb", 2304);
    c.setBoolean("yarn.minicluster.control-resource-monitoring", true); // or else nothing is looked at
    c.setBoolean(watched, true);
    c.setBoolean("yarn.nodemanager.vmem-check-enabled", false);
    c.setBoolean("yarn.nodemanager.resource.memory.enforced", false); // by cgroups, which are not there
    c.setInt("yarn.nodemanager.container-monitor.interval-ms", 250);
    c.setFloat("yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage", 99.5f);
    c.setInt("yarn.nodemanager.delete.debug-delay-sec", 0);
    c.setInt("yarn.resourcemanager.nodemanagers.heartbeat-interval-ms", 200);
    c.setInt("yarn.app.mapreduce.am.scheduler.heartbeat.interval-ms", 200);
    c.setInt("yarn.app.mapreduce.am.resource.mb", 768);
    c.setInt("mapreduce.map.memory.mb", 768);
    c.setInt("mapreduce.reduce.memory.mb", 768);
    c.setInt("mapreduce.task.io.sort.mb", 32);
    String jvm = System.getProperty("weir.task.jvm", "");
    c.set("mapreduce.map.java.opts", "-Xmx200m " + jvm);
    c.set("mapreduce.reduce.java.opts", "-Xmx200m " + jvm);
    c.set("yarn.app.mapreduce.am.command-opts", "-Xmx400m " + jvm);
    c.setInt("mapreduce.client.progressmonitor.pollinterval", 200);
    c.setInt("mapreduce.client.completion.pollinterval", 200);
    c.set("yarn.app.mapreduce.am.staging-dir", "/user");
    c.setBoolean("yarn.timeline-service.enabled", false);
    c.setBoolean("yarn.log-aggregation-enable", true); // for "yarn logs"
    c.set("yarn.nodemanager.remote-app-log-dir", "/tmp/logs");

    MiniMRYarnCluster mr = new MiniMRYarnCluster("weir", 2);
    mr.init(c);
    mr.start();
    Configuration client = new Configuration(false);
    Configuration defaults = new JobConf();
    for (Map.Entry<String, String> e : mr.getConfig()) { // without what every client has anyway
      if (!e.getValue().equals(defaults.getRaw(e.getKey()))) {
        client.set(e.getKey(), e.getValue());
      }
    }
    for (String site : new String[] {"core-site.xml", "hdfs-site.xml", "yarn-site.xml", "mapred-site.xml"}) {
      try (OutputStream out = new FileOutputStream(conf.resolve(site).toFile())) {
        client.writeXml(out);
      }
    }
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
