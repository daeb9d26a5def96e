# Starts a program as the user letterlock, with the right to open ports below 1024,
# and waits until it reports that it is ready, as systemd does with Type=notify:
#
#	notify.pl PIDFILE LOG COMMAND...
use strict;
use warnings;
use IO::Socket::UNIX;
use Socket;

my ($pidfile, $log, @command) = @ARGV;
my $path = "/run/letterlock.notify";
unlink $path;
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die "$path: $!";
chmod 0666, $path;
my $pid = fork // die "fork: $!";
if ($pid == 0) {
	open STDIN, '<', '/dev/null' or die;
	open STDOUT, '>>', $log or die "$log: $!";
	open STDERR, '>&', \*STDOUT or die;
	$ENV{NOTIFY_SOCKET} = $path;
	exec 'setpriv', '--reuid=letterlock', '--regid=letterlock', '--clear-groups', '--inh-caps=+net_bind_service',
		'--ambient-caps=+net_bind_service', @command;
	die "setpriv: $!";
}
$SIG{CHLD} = sub { print STDERR "letterlock does not start:\n"; system 'tail', '-n', '20', $log; exit 1 };
$SIG{ALRM} = sub { print STDERR "letterlock is not ready after 60 s\n"; exit 1 };
alarm 60;
while (defined $socket->recv(my $message, 4096)) {
	last if $message =~ /^READY=1$/m;
}
open my $file, '>', $pidfile or die "$pidfile: $!";
print $file "$pid\n";
close $file;
